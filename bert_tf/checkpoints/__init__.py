"""Checkpoints of other projects, both ways: one file a format."""

FORMATS = ("google", "garden", "keras", "hugging_face")
