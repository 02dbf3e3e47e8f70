"""Files of labelled examples for every task: tables, and comparisons of sets."""

LINES = "lines"  # not a table: each line is a text
KINDS = ("tsv", "csv", "jsonl", "parquet")
FORMATS = ("auto", LINES, *KINDS)  # values of --input_format
