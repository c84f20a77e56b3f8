"""The changes between two runs, and the release that each appeared in."""
