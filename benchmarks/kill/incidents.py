"""Incidents of a kill campaign: what befalls a job beside kills and broken requests."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Literal, get_args

JournalIncident = Literal[
    "journal moved without its log",
    "log deleted",
    "bits flipped in the log",
    "backup restored",
    "backup restored, without .mark",
    "copy run, then the original",
    "copy run, and gone on with",
]
Incident = Literal[
    JournalIncident,
    "clock jumped",
    "program suspended",
    "time leapt in mid-run",
    "attributes replaced",
    "completed at once",
    "create delivered twice",
    "request delivered twice",
    "changed by others",
    "ended by others",
    "removed by others",
]
# What is said of tasks that were created, and what of resources that are changed.
_OF_CREATES: frozenset[Incident] = frozenset(
    {"attributes replaced", "completed at once", "create delivered twice"}
)
_OF_CHANGES: frozenset[Incident] = frozenset(
    {"request delivered twice", "changed by others", "ended by others", "removed by others"}
)
OF_JOURNALS: tuple[JournalIncident, ...] = get_args(JournalIncident)
_ALL: frozenset[Incident] = frozenset(get_args(Incident))


def incidents_of(verb: str) -> frozenset[Incident]:
    """Return what can befall a job of a verb."""
    return _ALL - (_OF_CHANGES if verb == "create" else _OF_CREATES)


_SUFFIXES = ("", "-wal", "-shm", ".mark")
_FLIPPED = 3  # bits


class JournalFiles:
    """The files of a job's journal, at *path* until they are moved.

    Each incident returns whether there was anything that it could befall.
    """

    def __init__(self, path: Path, random: Random, counts: Counter[Incident]) -> None:
        self.path = path
        self._first = path
        self._random = random
        self._counts = counts
        self._places = 0
        self._backup: Path | None = None

    def befall(self, incident: Incident) -> bool:
        """Let an incident befall the files between two runs, and count it."""
        acts: dict[Incident, Callable[[], bool]] = {
            "journal moved without its log": self._move,
            "log deleted": self._delete_log,
            "bits flipped in the log": self._flip,
            "backup restored": lambda: self._restore(_SUFFIXES),
            "backup restored, without .mark": lambda: self._restore(_SUFFIXES[:-1]),
        }
        done = acts[incident]()
        self._counts[incident] += done
        return done

    def back_up(self) -> None:
        """Keep a copy of all files, which may be restored later."""
        if self.path.exists():
            self._backup = self.copy()

    def copy(self) -> Path:
        """Copy all files, and return the place of the copy."""
        place = self._new_place()
        copy_files(self.path, place)
        return place

    def _new_place(self) -> Path:
        self._places += 1
        return self._first.with_name(f"{self._first.name}-{self._places}")

    @property
    def _log(self) -> Path:
        return _beside(self.path, "-wal")

    def _has_log(self) -> bool:
        return self._log.exists() and self._log.stat().st_size > 0

    def _move(self) -> bool:
        if not self._has_log():
            return False
        place = self._new_place()
        self.path.rename(place)
        self.path = place
        return True

    def _delete_log(self) -> bool:
        if not self._has_log():
            return False
        self._log.unlink()
        return True

    def _flip(self) -> bool:
        if not self._has_log():
            return False
        content = bytearray(self._log.read_bytes())
        for _ in range(_FLIPPED):
            content[self._random.randrange(len(content))] ^= 1 << self._random.randrange(8)
        self._log.write_bytes(content)
        return True

    def _restore(self, suffixes: tuple[str, ...]) -> bool:
        if self._backup is None:
            return False
        for suffix in suffixes:
            kept, file = _beside(self._backup, suffix), _beside(self.path, suffix)
            if kept.exists():
                shutil.copy2(kept, file)
            else:
                file.unlink(missing_ok=True)
        return True


def copy_files(path: Path, place: Path) -> None:
    """Copy all files of a journal to another place."""
    for suffix in _SUFFIXES:
        if (file := _beside(path, suffix)).exists():
            shutil.copy2(file, _beside(place, suffix))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")
