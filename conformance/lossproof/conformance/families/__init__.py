"""The suite's side of the seams: families, regions of the input space and kinds of divergence, each one object."""
