"""How a corpus is cut into examples: one file an objective, and packing."""

OBJECTIVES = ("next_sentence", "sentence_order", "none")  # of `objectives`
