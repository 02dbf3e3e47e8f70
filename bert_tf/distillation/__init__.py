"""A student learns from a teacher: the terms of the loss, the student, the teacher, the task."""
