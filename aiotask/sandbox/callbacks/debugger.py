"""Debugger entries: errors in answers to callbacks, as in Twilio's console."""

from typing import NamedTuple

MOST_ENTRIES = 1_000


class DebuggerEntry(NamedTuple):
    """An error in an answer to a callback; *code* is from Twilio's error dictionary."""

    code: int
    message: str
    resource_sid: str
