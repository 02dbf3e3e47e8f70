"""Help and completion of commands. Imports no TensorFlow."""
