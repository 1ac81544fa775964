# The build and the checks of template.yaml. The SAM CLI and the scanners hold back packages that
# ours need newer, so each has an environment of its own.
CFN_LINT := 1.58.0
CFN_LINT_SERVERLESS := 0.3.6
CHECKOV := 3.3.30

CHECKS += template

# No AWS account is asked anything by these; SAM only wants to know of a region.
SAM_BIN = $$(.venv/bin/python -c 'from local_stack.toolchain import environment; print(environment("sam"))')
SAM = SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-south-1} UV="$(abspath $(UV))" \
    "$(SAM_BIN)/sam"
UVX = "$(UV)" tool run --quiet --python .venv/bin/python

.PHONY: build
build: $(VENV)  ## Build the functions and layers for Lambda, both architectures, into .aws-sam
	$(SAM) build

.PHONY: sam
sam: $(VENV)  ## Run the SAM CLI that the build uses: make sam ARGS="deploy --guided"
	SAM_CLI_TELEMETRY=0 UV="$(abspath $(UV))" "$(SAM_BIN)/sam" $(ARGS)

.PHONY: template
template: $(VENV)  ## Check template.yaml: SAM, cfn-lint, yamllint, a security scan
	.venv/bin/yamllint --strict --config-file tools/template/yamllint.yaml template.yaml tools/template
	$(SAM) validate --lint
	$(UVX) --with cfn-lint-serverless==$(CFN_LINT_SERVERLESS) cfn-lint@$(CFN_LINT) \
	    --config-file tools/template/cfnlint.yaml --regions eu-south-1 -- template.yaml
	$(UVX) checkov@$(CHECKOV) --config-file tools/template/checkov.yaml --file template.yaml
