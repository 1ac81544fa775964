# Everything that is done at a desk or in CI. Each target installs what it needs; make and a Python of
# 3.11 to 3.13 are all that has to be there. PYTHON=path chooses another than tools/find-python would.
UV_VERSION := 0.13.9
PORT ?= 8080
LOCAL_DIR ?= .local
# Tests that share something expensive stay on one worker (`xdist_group`). Many wait for a process of
# their own more than they compute, so there is one more worker than there are processors.
PYTEST_ARGS ?= --numprocesses=$(shell expr `getconf _NPROCESSORS_ONLN` + 1) --dist=loadgroup

UV := .uv/bin/uv
UV_READY := .uv/.ready-$(UV_VERSION)
# Another Python makes uv lay the environment anew, this file with it: so the name tells them apart.
VENV := .venv/.ready-$(subst /,-,$(PYTHON))
# What `make check` runs; the files in tools/*.mk add to it.
CHECKS := fmt-check lint types arch docs

export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

include $(sort $(wildcard tools/*.mk))

.PHONY: help
help:  ## Say what can be made
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: dev
dev: $(VENV)  ## Lay the environment in .venv

$(UV_READY):
	python=$$(tools/find-python) && "$$python" -m venv --clear .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

$(VENV): uv.lock pyproject.toml $(UV_READY)
	python=$$(tools/find-python) && $(UV) sync --quiet --frozen --python "$$python"
	touch $@

.PHONY: run
run: $(VENV)  ## Start the whole system at http://127.0.0.1:8080 (PORT=... changes it)
	@.venv/bin/python -m local_stack --port $(PORT) --directory $(LOCAL_DIR)

.PHONY: start-api-template
start-api-template: build  ## Write .aws-sam/build/start-api.yaml for `sam local start-api`
	.venv/bin/python -m local_stack.start_api

.PHONY: test
test: $(VENV)  ## Run the tests, all but the long ones, the real Asterisk and the real browser
	.venv/bin/pytest -m "not soak and not asterisk and not browser" $(PYTEST_ARGS)

.PHONY: soak
soak: $(VENV)  ## Run the long form of the tests
	.venv/bin/pytest -m soak $(PYTEST_ARGS)

.PHONY: check
check: $(CHECKS)  ## Run the whole gate beside the tests: format, lint, types, imports, template, docs

.PHONY: fmt
fmt: $(VENV)  ## Put the code in its format
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: fmt-check
fmt-check: $(VENV)
	.venv/bin/ruff format --check .

.PHONY: lint
lint: $(VENV)
	.venv/bin/ruff check .

.PHONY: types
types: $(VENV)
	.venv/bin/mypy

.PHONY: arch
arch: $(VENV)
	.venv/bin/lint-imports

.PHONY: docs
docs: $(VENV)
	.venv/bin/cog --check -P README.md docs/*.md
	.venv/bin/codespell
	.venv/bin/pymarkdown scan --recurse --respect-gitignore .

.PHONY: lock
lock: $(UV_READY)  ## Write uv.lock anew from pyproject.toml
	python=$$(tools/find-python) && $(UV) lock --python "$$python"
	for file in tools/local_stack/requirements/*.in tools/bench/functions/ordinary/*.in; do \
	    $(UV) pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	        --output-file "$${file%.in}.txt" "$$file" || exit; \
	done

.PHONY: clean
clean:  ## Remove what was made, but not the local data in .local
	rm -rf .venv .uv .cache .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
