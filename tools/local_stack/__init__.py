"""The local stack: the whole system on a laptop."""
