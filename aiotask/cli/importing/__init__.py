"""Imports: input, records, one run, results, and the report with the command that resumes it."""
