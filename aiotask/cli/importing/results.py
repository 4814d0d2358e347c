"""Results file of an import: the outcome of every row as JSON Lines."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from aiotask._json import dumps
from aiotask.bulk import State, entries_of
from aiotask.cli.errors import WrongUsageError
from aiotask.errors import JournalError

STANDARD_OUTPUT = "-"
_ENDS = {
    State.UNDELIVERED: "created",
    State.CREATED: "created",
    State.REJECTED: "rejected",
    State.UNRESOLVED: "unresolved",
}


class Results:
    """JSON Lines at *path*: none for None, on standard output for ``-``.

    A regular file is written under another name and renamed at the end, so that a reader never
    finds half of it. With a *journal* it holds the rows of all runs in their order. A pipe or a
    device is written to directly, and gets the rows of this run.
    """

    def __init__(self, path: str | None, journal: str | None) -> None:
        self.error: OSError | JournalError | None = None
        self._journal = journal
        self._started = False
        self._target: Path | None = None
        self._part: Path | None = None
        self._file: BinaryIO | None = None
        if path == STANDARD_OUTPUT:
            self._file = sys.stdout.buffer
        elif path is not None:
            try:
                self._open(Path(path).resolve())
            except OSError as error:
                raise WrongUsageError(f"--results {path}: {error.strerror}") from error

    def _open(self, target: Path) -> None:
        if target.exists() and not target.is_file():
            self._file = target.open("wb")  # an error for a directory
            return
        self._target = target
        self._part = target.with_name(f"{target.name}.{os.getpid()}.part")
        self._file = self._part.open("xb")
        if self._journal is not None:
            # The path can be written. The file is made at the end, so a kill leaves nothing behind.
            self._file.close()
            self._file = None
            self._part.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._target is not None and self._journal is not None:
            if kind is None:
                self._write_all(self._journal, self._target)
        elif self._file is not None:
            self._close(self._file, started=kind is None or self._started)

    def _close(self, file: BinaryIO, *, started: bool) -> None:
        try:
            file.flush()
        except OSError as failure:
            self.error = self.error or failure
        if file is sys.stdout.buffer:
            return
        with suppress(OSError):  # a file whose flush failed raises again here
            file.close()
        if self._part is not None and self._target is not None and self.error is None:
            if started:
                self._part.replace(self._target)
            else:
                self._part.unlink()  # no run took place

    def _write_all(self, journal: str, target: Path) -> None:
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        self._part = None
        try:
            with part.open("xb") as file:
                file.writelines(_finished_rows(journal))
            part.replace(target)
        except (OSError, JournalError) as failure:
            self.error = failure
        finally:
            part.unlink(missing_ok=True)

    def trouble(self) -> str:
        """Return the error of writing, and the file that has the results so far."""
        why = self.error.strerror if isinstance(self.error, OSError) else str(self.error)
        return f"results: {why}" + (f"; the first ones are in {self._part}" if self._part else "")

    def write(self, row: int, line: int, key: str, outcome: str, **details: Any) -> None:
        """Write one outcome; after an ``error`` nothing more is written."""
        if self._file is None or self.error is not None:
            return
        try:
            self._started = True
            self._file.write(_line(row, line, key, outcome, details))
            if self._target is None:
                self._file.flush()
        except OSError as error:
            self.error = error


def _finished_rows(journal: str) -> Iterator[bytes]:
    """Yield a line for each finished row of a journal."""
    for number, state, _, line, _, key, sid, error in entries_of(journal):
        if (outcome := _ENDS.get(state)) is not None:
            details = {"sid": sid} if outcome == "created" else {"error": error}
            yield _line(number, line, key, outcome, details)


def _line(
    row: int, line: int | None, key: str | None, outcome: str, details: dict[str, Any]
) -> bytes:
    known = {"row": row, "line": line, "key": key, "outcome": outcome}
    return dumps(known | details) + b"\n"
