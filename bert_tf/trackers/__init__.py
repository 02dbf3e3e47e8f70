"""Experiment trackers beside TensorBoard and metrics.jsonl: one file each. See `tracker`."""

TRACKERS = ("mlflow", "wandb")
