"""Recipes of pretrain.py."""
