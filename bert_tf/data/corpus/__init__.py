"""A tokenized corpus on disk, and what is left out of it."""

METHODS = ("exact", "near")  # of removing duplicates
UNITS = ("document", "sentence")  # of which each is there once
