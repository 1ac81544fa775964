"""Write the tables that `domain/number.py` reads, from libphonenumber's metadata.

`python -m dialling_table` writes `dialling.py`, `plans.py`, `assigned.py` and, for learned numbers,
`premium.py` in `domain`; with `--check` it only says whether they are what it would write.
"""
