"""Debugger entries: errors that Twilio shows in its console, and in no answer of the API."""

from typing import NamedTuple

MOST_ENTRIES = 1_000


class DebuggerEntry(NamedTuple):
    """An error of a workflow or of an answer; *code* is from Twilio's error dictionary."""

    code: int
    """Number of the error, from Twilio's error dictionary."""
    message: str
    """One sentence on the error."""
    resource_sid: str
    """SID of what the error is about."""
