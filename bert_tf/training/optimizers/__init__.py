"""Optimizers, learning-rate schedules, layer-wise rates."""
