"""Checkpoints of other projects, both ways: one file a format."""
