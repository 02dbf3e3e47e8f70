"""The training loop, one step, one run."""
