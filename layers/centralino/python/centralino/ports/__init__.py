"""What a store, a clock, a PBX is, as the use cases see it."""
