"""The questions that a spec writes out, and how their answers are judged."""
