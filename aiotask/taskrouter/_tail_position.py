"""Positions of tails in a workspace's events, and the cursors that tell of them."""

import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

_FORM = re.compile(r"1\.([0-9]{1,11})\.([0-9]{1,14})\.([A-Za-z0-9_-]*)\.([0-9a-f]{8})")
_MARK = 8  # bytes: among a million events, two have the same one time in thirty million
_WRONG = "cursor: must be the unchanged cursor of a tail"


class TailPosition:
    """A place in time up to which events were given, and which ones were in the *overlap* before.

    ``edge`` is in seconds since 1970: everything before it is settled. ``newest`` is in
    milliseconds: the date of the newest event that is known to be listed.
    """

    def __init__(self, overlap: float, edge: int, newest: int) -> None:
        self._overlap = overlap
        self._seen: dict[bytes, int] = {}
        self.edge: int = edge
        self.newest: int = newest

    @classmethod
    def read(cls, overlap: float, cursor: Any) -> "TailPosition":
        """Return the position that a cursor tells of; a ValueError if it is none."""
        match = _FORM.fullmatch(cursor) if isinstance(cursor, str) else None
        if match is None or _sum(cursor.rpartition(".")[0]) != match[4]:
            raise ValueError(_WRONG)
        position = cls(overlap, int(match[1]), int(match[2]))
        marks = urlsafe_b64decode(match[3] + "=" * (-len(match[3]) % 4))
        for at in range(0, len(marks), _MARK):
            position._seen[marks[at : at + _MARK]] = position.newest
        return position

    def is_new(self, sid: str, moment: int) -> bool:
        """Whether an event, *moment* milliseconds after 1970, was not given yet."""
        return moment >= 1000 * self.edge and _mark(sid) not in self._seen

    def add(self, sid: str, moment: int) -> None:
        """Note that an event was given; of one look, the oldest come first."""
        self._seen[_mark(sid)] = moment
        self.advance(moment)

    def advance(self, moment: int) -> None:
        """Note that events of *moment*, or of later, are listed."""
        self.newest = max(self.newest, moment)
        self.edge = max(self.edge, int(self.newest / 1000 - self._overlap))

    def forget(self) -> None:
        """Drop what lies before the edge."""
        self._seen = self._kept()

    def text(self) -> str:
        """Return the cursor: eleven characters for each event in the overlap, and thirty more."""
        marks = urlsafe_b64encode(b"".join(self._kept())).decode().rstrip("=")
        text = f"1.{self.edge}.{self.newest}.{marks}"
        return f"{text}.{_sum(text)}"

    def _kept(self) -> dict[bytes, int]:
        first = 1000 * self.edge
        return {mark: moment for mark, moment in self._seen.items() if moment >= first}


def _mark(sid: str) -> bytes:
    return blake2b(sid.encode(), digest_size=_MARK).digest()


def _sum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
