"""Files of labelled examples, whatever the task: tables and comparisons of sets."""
