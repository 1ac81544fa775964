# The benchmark: `make bench`, or some of its figures only, with options: `make bench BENCH="cold cpu"`.
.PHONY: bench
bench: $(VENV)  ## Measure what is promised about speed (needs Java and npm; about ten minutes)
	@.venv/bin/python -m bench $(BENCH)
