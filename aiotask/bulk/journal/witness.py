"""Witness of a journal: a small file beside it that tells whether it is as its last run left it.

A journal that was restored, copied, or moved without its log says less than the truth: rows that
were sent look untouched in it. It cannot tell so itself, as all that it says is consistent. The
witness names the last commit, and the file that this commit went to.
"""

import os
import secrets
from pathlib import Path
from typing import Any, NamedTuple, Self
from zlib import crc32

from aiotask._json import JsonSyntaxError, dumps, loads

_OWNER_ONLY = 0o600
# Longer than any record, so that each one covers the last, and within a sector: a record is
# written whole or not at all.
_LENGTH = 256


class Position(NamedTuple):
    """The last commit of a journal: its run, its number, and a number that no other one has."""

    run: str
    commits: int
    tip: int

    @classmethod
    def first(cls) -> Self:
        """Return the position of a journal that is new, or that an older version has made."""
        return cls("", 0, 0)

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the position in a journal's own words."""
        run, commits, tip = text.split()
        return cls(run, int(commits), int(tip))

    def begun(self) -> Self:
        """Return the position at which a new run begins."""
        return self._replace(run=secrets.token_hex(8)).next()

    def next(self) -> Self:
        """Return the position of the next commit."""
        return self._replace(commits=self.commits + 1, tip=secrets.randbits(63))

    def __str__(self) -> str:
        return f"{self.run or '-'} {self.commits} {self.tip}"


class Witness:
    """The file ``.mark`` of the journal at *path*."""

    def __init__(self, path: str) -> None:
        self.path: str = f"{path}.mark"
        self._file = -1

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def note(self, position: Position, journal: os.stat_result) -> None:
        """Record the last commit, and the identity of the journal's file after it.

        The record is not synced. After a loss of power it may be older than the journal, which is
        then looked at closely, without need: that is safe.
        """
        if self._file < 0:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        record = dumps([*position, journal.st_ino, journal.st_ctime_ns])
        line = b"%08x %s" % (crc32(record), record)
        os.pwrite(self._file, line.ljust(_LENGTH - 1) + b"\n", 0)

    def objection(self, position: Position, journal: os.stat_result) -> str | None:
        """Return what speaks against a journal at this position, in this file; None for nothing."""
        try:
            run, commits, tip, inode, changed = self._record()
        except FileNotFoundError:
            return f"its {Path(self.path).name} is missing"
        except (JsonSyntaxError, ValueError, TypeError, OSError):
            return f"its {Path(self.path).name} is damaged"
        if position != (run, commits, tip) and not _one_ahead(position, run, commits):
            return f"its last commit is {position.commits}, and {commits} were made"
        if inode != journal.st_ino:
            return "it is a copy"
        if changed != journal.st_ctime_ns:
            return "it was changed, moved or restored since its last run"
        return None

    def _record(self) -> list[Any]:
        checksum, _, record = Path(self.path).read_bytes().strip().partition(b" ")
        if int(checksum, 16) != crc32(record):
            raise ValueError(checksum)
        fields: list[Any] = loads(record)
        return fields


def _one_ahead(position: Position, run: str, commits: int) -> bool:
    """Whether a run was killed between its last commit and the record of that."""
    return position.run == run and position.commits == commits + 1
