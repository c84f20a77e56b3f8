"""The process that a target runs in, and the tool's side of the pipe to it."""
