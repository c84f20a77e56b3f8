"""The losses: the cost of scores and labels."""
