"""Encoders: a package each, behind the contract in model.py (settings) and encoder.py (Keras)."""
