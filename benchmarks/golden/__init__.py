"""Golden tables: digests of runs before a change to the house, to compare with runs after it."""
