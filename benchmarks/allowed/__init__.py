"""Right implementations that differ in every way that rounding allows."""
