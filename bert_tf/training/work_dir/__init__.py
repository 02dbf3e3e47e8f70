"""The files of a run in its work directory: checkpoints, history, metrics, page."""
