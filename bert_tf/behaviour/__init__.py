"""Behaviour tests: small files of templates that say what a model must do.

Reference: Ribeiro et al. 2020 (CheckList): minimum functionality, invariance and directional
expectation tests. `checks_file` reads a file, `cases` makes the texts, `judge` says which answers
fail. Nothing here knows a model: answers are what the task describes, as JSON values.
"""
