"""A tokenized corpus on disk, and the removal of duplicates and held-out text."""

METHODS = ("exact", "near")  # of removing duplicates
UNITS = ("document", "sentence")  # whose duplicates are removed
