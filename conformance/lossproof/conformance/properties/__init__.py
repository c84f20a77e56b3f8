"""The properties, and the registry that finds them."""
