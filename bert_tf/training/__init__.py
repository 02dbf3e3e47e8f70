"""The training loop, one step, one run."""

STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker", "tpu")  # of `distribution`
