"""Tokenizers as TensorFlow ops, their vocabularies, and learning them."""
