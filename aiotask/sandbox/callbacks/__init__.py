"""Callbacks of events and assignments, and the instructions in their answers."""
