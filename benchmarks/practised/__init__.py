"""What people test losses with today: references, tolerances, gradcheck, a few random samples."""
