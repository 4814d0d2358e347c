"""Persistence in an SQLite file."""
