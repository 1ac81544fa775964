# The dialplan that we ship and the calls that we place, in a real Asterisk 22 (needs root; the tree
# stays in .cache/asterisk-sid). Some of them go through the whole local stack.
# One call after the other (no xdist), as what is logged meanwhile has to be that call's own.
.PHONY: test-asterisk
test-asterisk: $(VENV)  ## Try the shipped dialplan, and placing calls, in a real Asterisk 22 (needs root)
	@rm -f .cache/asterisk-report.txt
	.venv/bin/pytest -m asterisk tests/pbx $(PYTEST_ARGS) --numprocesses=0
	@! test -e .cache/asterisk-report.txt || cat .cache/asterisk-report.txt

.PHONY: asterisk-transcript
asterisk-transcript: $(VENV)  ## Show a call through the WebSocket of a real Asterisk, frame by frame
	@.venv/bin/pytest -m asterisk tests/pbx/test_asterisk_socket.py -k transcript --numprocesses=0 \
	    >.cache/asterisk-transcript.log || { cat .cache/asterisk-transcript.log; exit 1; }
	@cat .cache/asterisk-websocket.txt
