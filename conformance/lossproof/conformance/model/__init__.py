"""Data alone: what is judged, dtypes, and the rows that say what came of it."""
