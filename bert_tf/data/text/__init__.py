"""Text files of every kind as lines and documents."""
