"""Numbers as int8: rounding, and the ranges of activations found on data."""
