# The extension and the page /dial in a real Chromium; Debian's is installed where there is none
# and root asks. One browser after the other: each is a person who looks at one page.
.PHONY: test-browser
test-browser: $(VENV)  ## Try the browser extension and the page /dial in a real Chromium
	.venv/bin/pytest -m browser tests/browser $(PYTEST_ARGS) --numprocesses=0
