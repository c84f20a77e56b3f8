"""What changed between two runs, and in which release."""
