"""Reads text files of all formats as lines and documents."""

FORMATS = ("auto", "lines", "prose", "jsonl", "parquet")  # what an input may be
