"""What a run keeps on disk: checkpoints, history, metrics, page."""
