# The dialplan that we ship, in a real Asterisk 22 (needs root; the tree stays in .cache/asterisk-sid).
# One call after the other (no xdist), as what is logged meanwhile has to be that call's own.
.PHONY: test-asterisk
test-asterisk: $(VENV)  ## Try the shipped dialplan in a real Asterisk 22 (needs root)
	@rm -f .cache/asterisk-report.txt
	.venv/bin/pytest -m asterisk tests/pbx $(PYTEST_ARGS) --numprocesses=0
	@! test -e .cache/asterisk-report.txt || cat .cache/asterisk-report.txt
