"""Journals of bulk runs."""
