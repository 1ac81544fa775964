"""Write the tables that `domain/number.py` reads, from libphonenumber's metadata.

`python -m dialling_table` writes `domain/dialling.py`, `domain/plans.py` and `domain/assigned.py`;
with `--check` it only says whether they are what it would write.
"""
