"""The score of two vectors: its value, its bounds, its gradient and its jumps."""
