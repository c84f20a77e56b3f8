"""The pytest suite: one file per property, each defining what the property asserts and in which cells."""
