"""What scores and labels cost."""
