"""Tasks: one folder each, behind the contract in task.py."""
