"""A zoo of wrong implementations, each one line away from a right one: what the suite must catch."""
