"""The tasks of the GLUE benchmark: files, grid of runs, submission."""

# Those with training data; a model of mnli answers ax too.
TRAINED = ("cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli")
