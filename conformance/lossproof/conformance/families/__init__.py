"""Everything that the suite must know of a family: its arrays, its formula, its labels, and how it may go wrong."""
