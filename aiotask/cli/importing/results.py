"""Results file of an import: the outcome of every row as JSON Lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from aiotask._json import dumps
from aiotask.bulk import State, entries_of
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.part_file import PartFile
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
        self._part: PartFile | None = None
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
        part = PartFile(target)
        if self._journal is not None:
            # The path can be written. The file is made at the end, so a kill leaves nothing behind.
            part.discard()
        else:
            self._part, self._file = part, part.file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._part is not None:
            self._end(self._part, started=kind is None or self._started)
        elif self._target is not None and self._journal is not None:
            if kind is None:
                self._write_all(self._journal, self._target)
        elif self._file is not None:
            with self._noted():
                self._file.flush()
            if self._file is not sys.stdout.buffer:
                with suppress(OSError):  # a file whose flush failed raises again here
                    self._file.close()

    def _end(self, part: PartFile, *, started: bool) -> None:
        if not started:
            part.discard()  # no run took place
        elif self.error is None:
            with self._noted():
                part.finish()
        if self.error is not None:
            with suppress(OSError):
                part.file.close()

    def _write_all(self, journal: str, target: Path) -> None:
        with self._noted():
            part = PartFile(target)
            try:
                part.file.writelines(_finished_rows(journal))
                part.finish()
            except BaseException:
                part.discard()
                raise

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note an error of writing, which the last messages tell."""
        try:
            yield
        except (OSError, JournalError) as failure:
            self.error = self.error or failure

    def trouble(self) -> str:
        """Return the error of writing, and the file that has the results so far."""
        why = self.error.strerror if isinstance(self.error, OSError) else str(self.error)
        first = "" if self._part is None else f"; the first ones are in {self._part.path}"
        return f"results: {why}{first}"

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
