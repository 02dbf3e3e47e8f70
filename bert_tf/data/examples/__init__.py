"""How a corpus is cut into examples: one file an objective, and packing."""
