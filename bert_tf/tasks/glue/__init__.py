"""The tasks of the GLUE benchmark: files, grid of runs, submission."""
