"""What two vectors come to: its value, its bounds, its gradient and its jumps."""
