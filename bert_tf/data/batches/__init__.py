"""The order of rows in training, and their batches."""
