"""The family triplet: what lossproof must know of it."""
