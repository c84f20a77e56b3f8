"""An answer against the documented value, two answers against each other, and the verdict on a cell."""
