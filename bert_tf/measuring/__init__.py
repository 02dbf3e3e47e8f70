"""How contestants are measured in turn, each in a process of its own. Knows no models."""
