"""Text files of every kind as lines and documents."""

FORMATS = ("auto", "lines", "prose", "jsonl", "parquet")  # what an input may be
