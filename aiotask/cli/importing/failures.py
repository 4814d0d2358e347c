"""Messages about the rows that became no task: the first ones singly, the others by reason."""

import re
from collections.abc import Callable, Iterator

import attrs

from aiotask.cli.importing.counts import Fate

_SINGLE = 10  # rows
_GROUPS = 5  # in the report, the largest ones
_MOST_GROUPS = 1000  # kept, so that memory is bounded where every row has a reason of its own
# Values differ from row to row, and the reason is the same.
_VALUE = re.compile(r"(?<=\bnot )('.*'|\".*\"|\S+)|(?<=but )\S.*|\d+")


@attrs.define
class _Group:
    line: int
    reason: str
    rows: int = 0


class Failures:
    """Failed rows of one run of the import of *name*; *say* writes a message.

    *done* is what is done to a row.
    """

    def __init__(self, name: str, say: Callable[[str], None], done: str = "created") -> None:
        self._done = done
        self.rejected: int = 0
        self._name = name
        self._say = say
        self._rows = 0
        self._groups: dict[str, _Group] = {}

    def add(self, line: int, fate: Fate, why: str) -> None:
        """Note that a row failed."""
        self.rejected += fate == "rejected"
        self._rows += 1
        reason = (
            f"unresolved, it may have been {self._done}: {why}" if fate == "unresolved" else why
        )
        if self._rows <= _SINGLE:
            self._say(f"{self._name}:{line}: {reason}")
            return
        kind = _VALUE.sub("…", reason)
        if kind not in self._groups and len(self._groups) >= _MOST_GROUPS:
            kind = ""
        group = self._groups.setdefault(kind, _Group(line, reason if kind else "other reasons"))
        group.rows += 1

    def report(self) -> Iterator[str]:
        """Yield the lines about the rows that were not reported singly."""
        if not self._groups:
            return
        yield f"{self._rows - _SINGLE:,} more rows failed:"
        groups = sorted(self._groups.values(), key=lambda group: -group.rows)
        for group in groups[:_GROUPS]:
            yield f"  {group.rows:,} rows, first at line {group.line}: {group.reason}"
        if others := groups[_GROUPS:]:
            yield f"  {sum(group.rows for group in others):,} rows for other reasons"
