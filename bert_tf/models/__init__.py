"""Encoders: one package each. Their contract is in model.py (settings) and encoder.py (Keras)."""
