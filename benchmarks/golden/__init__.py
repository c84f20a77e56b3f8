"""Golden tables: what runs said before a change to the house, as digests, and what they say after it."""
