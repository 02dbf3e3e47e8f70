"""Rows in the order of training, cut into batches."""
