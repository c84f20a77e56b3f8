"""Why an answer diverges, and the smallest question that shows it."""
