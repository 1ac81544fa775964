"""Write the tables that `domain/number.py` reads, from libphonenumber's metadata.

`python -m dialling_table` writes `dialling.py`, `plans.py`, `assigned.py` and, for numbers that are
learned or called, `premium.py` and `emergency.py` in `domain`; with `--check` it only says whether
they are what it would write.
"""
