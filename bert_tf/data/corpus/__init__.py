"""A tokenized corpus on disk, and what is left out of it."""
