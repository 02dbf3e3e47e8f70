"""Files of labelled examples, whatever the task: tables and comparisons of sets."""

LINES = "lines"  # each line is a text: no table
KINDS = ("tsv", "csv", "jsonl", "parquet")
FORMATS = ("auto", LINES, *KINDS)  # values of --input_format
