"""Regions: one object for each part of the input space where implementations break for one reason."""
