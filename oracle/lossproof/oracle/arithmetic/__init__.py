"""Three arithmetics over the same protocol, and what their first stages are made of."""
