"""Structured pruning: what heads, units and layers are worth, which go, and smaller matrices."""
