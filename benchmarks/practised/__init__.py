"""The ways in which people test losses today: references, tolerances, gradcheck, a few random samples."""
