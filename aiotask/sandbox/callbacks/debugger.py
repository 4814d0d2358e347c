"""What Twilio's console shows in its debugger: mistakes of callbacks, which no request is told."""

from typing import NamedTuple

MOST_ENTRIES = 1_000


class DebuggerEntry(NamedTuple):
    """A mistake in an answer to a callback, by its *code* in Twilio's error dictionary."""

    code: int
    message: str
    resource_sid: str
