"""Callbacks that the sandbox posts, and the instructions that it gets back."""
