# The dialplan that we ship, in a real Asterisk 22 (needs root; the tree stays in .cache/asterisk-sid).
# Coverage of time is its own: one call after the other, so that what a call logged is its own.
.PHONY: test-asterisk
test-asterisk: $(VENV)  ## Try the shipped dialplan in a real Asterisk 22 (needs root)
	@rm -f .cache/asterisk-report.txt
	.venv/bin/pytest -m asterisk tests/pbx $(PYTEST_ARGS)
	@! test -e .cache/asterisk-report.txt || cat .cache/asterisk-report.txt
