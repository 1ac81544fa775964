"""What things are: numbers, labels, contacts, cards, settings, keys. No I/O."""
