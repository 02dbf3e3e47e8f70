"""Exports trained models for other programs: SavedModel, LiteRT, ONNX."""

# {format: the forms of its numbers}.
PRECISIONS = {
    "saved_model": ("float32", "bfloat16"),
    "litert": ("float32", "dynamic_int8", "int8"),
    "onnx": ("float32", "int8"),
}
