"""Persistence of a sandbox in an SQLite file."""
