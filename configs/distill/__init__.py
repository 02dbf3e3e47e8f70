"""Recipes of distill.py."""
