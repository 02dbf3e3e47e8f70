"""Recipes of finetune.py."""
