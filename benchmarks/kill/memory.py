"""The memory of a job: what its journals have said, and which rows a run was told less about."""

import tempfile
from pathlib import Path

from aiotask.bulk import State, entries_of
from kill.incidents import copy_files

ENDS = {
    State.CREATED: "created",
    State.UPDATED: "updated",
    State.UNCHANGED: "unchanged",
    State.DELETED: "deleted",
    State.REJECTED: "rejected",
    State.UNRESOLVED: "unresolved",
}
_UNTOUCHED, _SENT, _ENDED = range(3)


class Memory:
    """Compares the journal that a run is given with all that earlier runs have left.

    ``forgotten`` are the rows about which a run was told less than an earlier one knew.
    ``doubtful`` are those that a run had to think sent, perhaps, as it began. ``ended`` are those
    that have their end in the journal of the run that began last.
    """

    def __init__(self, rows: int) -> None:
        self.forgotten: set[int] = set()
        self.doubtful: set[int] = set()
        self.ended: frozenset[int] = frozenset()
        self._known = [_UNTOUCHED] * rows

    def begin(self, journal: Path, *, is_suspect: bool) -> None:
        """Note what a run is told by its journal, which is damaged or not the last one if suspect.

        The journal is read in a copy, as reading writes its log into the file.
        """
        told = self._told(journal)
        self.ended = frozenset(row for row, each in enumerate(told) if each == _ENDED)
        for row, (each, known) in enumerate(zip(told, self._known, strict=True)):
            if each < known:
                self.forgotten.add(row)
            if each == _SENT or (is_suspect and each == _UNTOUCHED):
                self.doubtful.add(row)

    def end(self, journal: Path) -> None:
        """Note what a run has left in its journal."""
        told = self._told(journal)
        self._known = [max(pair) for pair in zip(told, self._known, strict=True)]

    def _told(self, journal: Path) -> list[int]:
        found = [_UNTOUCHED] * len(self._known)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "journal")
            copy_files(journal, copy)
            if copy.exists():
                for entry in entries_of(copy):
                    if entry.state is not State.PENDING:
                        found[entry.number - 1] = _ENDED if entry.state in ENDS else _SENT
        return found
