"""Encoders: one folder or file each, behind the contract in model.py."""
