"""The report on a data set: measures, checks, page."""
