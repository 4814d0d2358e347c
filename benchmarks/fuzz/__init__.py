"""Fuzzing of answers."""
