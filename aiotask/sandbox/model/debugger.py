"""Debugger entries: errors that Twilio shows in its console, and in no answer of the API."""

from typing import NamedTuple

MOST_ENTRIES = 1_000


class DebuggerEntry(NamedTuple):
    """An error of a workflow or of an answer; *code* is from Twilio's error dictionary."""

    code: int
    message: str
    resource_sid: str
