"""Regions of the input space, the batches drawn in them, and the order in which they are asked."""
