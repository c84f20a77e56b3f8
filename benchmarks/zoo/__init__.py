"""A zoo of wrong implementations that the suite must catch, each one line away from a right one."""
