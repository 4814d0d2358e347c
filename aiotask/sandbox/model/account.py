"""The account: the clock, the random source and the settings that all resources share."""

import re
from collections import deque
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from aiotask.sandbox.clock.rate_window import Clock
from aiotask.sandbox.clock.scheduler import Scheduler
from aiotask.sandbox.model.changes import UnsavedChanges
from aiotask.sandbox.model.debugger import MOST_ENTRIES, DebuggerEntry
from aiotask.sandbox.model.list_index import ListIndex

OverlongPages = Literal["refuse", "clamp"]
Unmatched = Literal["cancel", "refuse"]
Unanswered = Literal["stay", "advance"]


def is_sid(text: str, prefix: str) -> bool:
    """Tell whether *text* is a sid of the kind that has *prefix*."""
    return text[:2] == prefix and re.fullmatch(r"[0-9a-fA-F]{32}", text[2:]) is not None


@dataclass(frozen=True, slots=True)
class Account:
    """The owner of all resources, with the settings that decide what Twilio leaves open."""

    sid: str
    clock: Clock
    random: Random
    overlong_pages: OverlongPages = "refuse"
    unmatched: Unmatched = "cancel"
    worker_statistics: int | None = 100
    routing: bool = True
    closed_for: int = 300
    unanswered: Unanswered = "stay"
    scheduler: Scheduler = field(default_factory=Scheduler)
    index: ListIndex = field(default_factory=ListIndex)
    changes: UnsavedChanges = field(default_factory=UnsavedChanges)
    debugger: deque[DebuggerEntry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))

    def within(self, holder: str) -> "Account":
        """Return the account whose changes are those of one workspace or assistant."""
        return replace(self, changes=self.changes.within(holder))

    def now(self) -> int:
        """Return the time in whole seconds since 1970, as precise as the service's dates."""
        return self.milliseconds() // 1000

    def milliseconds(self) -> int:
        """Return the time in milliseconds since 1970, as precise as events are."""
        return round(self.clock() * 1000)

    def new_sid(self, prefix: str) -> str:
        """Return a new sid."""
        # From the seeded generator; among 128 bits, a collision needs no check.
        return f"{prefix}{self.random.getrandbits(128):032x}"
