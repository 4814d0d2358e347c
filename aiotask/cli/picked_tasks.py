"""Picked tasks of a command: those that a list has shown, each once, in the order of the list.

They lie in a temporary database, so that their number is no matter of memory; beside a journal, in
a file as well, as a job that is resumed has to have the same rows.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from aiotask.bulk.temporary import temporary_database, temporary_files

_TABLE = "CREATE TABLE picked (number INTEGER PRIMARY KEY, sid TEXT UNIQUE);"
_PURPOSE = "kept"
_PORTION = 1000
_LINE = 35  # bytes: a sid and the end of its line


class PickedTasks:
    """Sids of tasks; ``count`` is their number, and ``kept`` how many the file has."""

    def __init__(self, journal: str | None) -> None:
        self.count: int = 0
        self.kept: int = 0
        self._path = None if journal is None else Path(f"{journal}.tasks")
        self._database = temporary_database(_TABLE)

    def __enter__(self) -> Self:
        if self._path is not None and self._path.exists():
            *whole, _ = self._path.read_text(encoding="ascii").split("\n")
            self.add(whole)
            self.kept = self.count
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def add(self, sids: Iterable[str]) -> None:
        """Add those that are new."""
        with temporary_files("the list of tasks", _PURPOSE):
            before = self._database.total_changes
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR IGNORE INTO picked (sid) VALUES (?)", ((sid,) for sid in sids)
            )
            self._database.execute("COMMIT")
            self.count += self._database.total_changes - before

    def keep(self) -> None:
        """Write into the file what is not there yet, and wait for the disk."""
        if self._path is not None and self.kept < self.count:
            with self._path.open("ab") as file:
                file.truncate(self.kept * _LINE)  # a kill may have cut the last line
                file.writelines(f"{sid}\n".encode() for sid in self.after(self.kept))
                file.flush()
                os.fsync(file.fileno())
        self.kept = self.count

    def after(self, number: int) -> Iterator[str]:
        """Yield the tasks after the first ones."""
        while True:
            query = "SELECT number, sid FROM picked WHERE number > ? ORDER BY number LIMIT ?"
            with temporary_files("the list of tasks", _PURPOSE):
                portion = self._database.execute(query, (number, _PORTION)).fetchall()
            if not portion:
                return
            yield from (sid for _, sid in portion)
            number = portion[-1][0]
