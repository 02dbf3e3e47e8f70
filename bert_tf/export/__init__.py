"""Trained models for other programs: SavedModel, LiteRT, ONNX."""
