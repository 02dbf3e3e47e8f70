"""What a command says of itself: help and completion. Nothing here imports TensorFlow."""
