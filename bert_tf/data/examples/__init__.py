"""Cuts a corpus into examples: one file per objective, and packing."""

OBJECTIVES = ("next_sentence", "sentence_order", "none")  # names in `objectives`
