"""The suite: targets, questions, verdicts, and the command line."""
