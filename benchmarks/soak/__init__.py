"""Soak test: everything at once for a long time."""
