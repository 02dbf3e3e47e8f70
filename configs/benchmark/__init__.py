"""Recipes of benchmark.py; they stay in the clone."""
