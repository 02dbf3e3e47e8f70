"""Reads and writes the checkpoints of other projects: one file per format."""

FORMATS = ("google", "garden", "keras", "hugging_face")
