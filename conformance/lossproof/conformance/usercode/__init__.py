"""A user's own function in the place of an API, on the command line and under pytest."""
