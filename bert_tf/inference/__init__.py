"""Answers from a trained model, and vectors of its tokens."""
