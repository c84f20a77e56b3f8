"""The other side of the pipe, run by the target's own Python (3.7 or newer): it imports nothing of lossproof."""
