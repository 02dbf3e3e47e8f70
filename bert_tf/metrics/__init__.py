"""What answers are worth: scores from arrays, one file per kind of answer."""
