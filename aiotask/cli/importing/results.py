"""Where the outcomes of an import go: a file that is replaced whole, or standard output."""

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
    """JSON Lines of outcomes at *path*: nowhere for None, on standard output for ``-``.

    A file is written beside its place and moved there at the end, so that a reader never finds
    half of one. With a *journal* it then holds all rows of that, in their order, and not only those
    of this run. What is no regular file (a pipe, a device) is written to directly.
    """

    def __init__(self, path: str | None, journal: str | None) -> None:
        self.error: OSError | JournalError | None = None
        self._journal = journal
        self._begun = False
        self._place: Path | None = None
        self._part: Path | None = None
        self._file: BinaryIO | None = None
        if path == STANDARD_OUTPUT:
            self._file = sys.stdout.buffer
        elif path is not None:
            try:
                self._open(Path(path).resolve())
            except OSError as error:
                raise WrongUsageError(f"--results {path}: {error.strerror}") from error

    def _open(self, place: Path) -> None:
        if place.exists() and not place.is_file():
            self._file = place.open("wb")  # a directory says here what it is
            return
        self._place = place
        self._part = place.with_name(f"{place.name}.{os.getpid()}.part")
        self._file = self._part.open("xb")
        if self._journal is not None:
            # It could be made, and is made again at the end: a kill leaves nothing behind.
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
        if self._place is not None and self._journal is not None:
            if kind is None:
                self._write_all(self._journal, self._place)
        elif self._file is not None:
            self._close(self._file, begun=kind is None or self._begun)

    def _close(self, file: BinaryIO, *, begun: bool) -> None:
        try:
            file.flush()
        except OSError as failure:
            self.error = self.error or failure
        if file is sys.stdout.buffer:
            return
        with suppress(OSError):  # what could not be flushed is not closed without complaint
            file.close()
        if self._part is not None and self._place is not None and self.error is None:
            if begun:
                self._part.replace(self._place)
            else:
                self._part.unlink()  # there was no run

    def _write_all(self, journal: str, place: Path) -> None:
        part = place.with_name(f"{place.name}.{os.getpid()}.part")
        self._part = None
        try:
            with part.open("xb") as file:
                file.writelines(_settled(journal))
            part.replace(place)
        except (OSError, JournalError) as failure:
            self.error = failure
        finally:
            part.unlink(missing_ok=True)

    def trouble(self) -> str:
        """Return what went wrong with writing, and where the results are as far as they go."""
        told = self.error.strerror if isinstance(self.error, OSError) else str(self.error)
        return f"results: {told}" + (f"; the first ones are in {self._part}" if self._part else "")

    def write(self, row: int, line: int, key: str, outcome: str, **told: Any) -> None:
        """Write one outcome; after an ``error`` there is nothing more to write to."""
        if self._file is None or self.error is not None:
            return
        try:
            self._begun = True
            self._file.write(_line(row, line, key, outcome, told))
            if self._place is None:
                self._file.flush()
        except OSError as error:
            self.error = error


def _settled(journal: str) -> Iterator[bytes]:
    """Yield a line for each row of a journal that has its outcome."""
    for number, state, _, place, _, key, sid, error in entries_of(journal):
        if (outcome := _ENDS.get(state)) is not None:
            told = {"sid": sid} if outcome == "created" else {"error": error}
            yield _line(number, place, key, outcome, told)


def _line(row: int, line: int | None, key: str | None, outcome: str, told: dict[str, Any]) -> bytes:
    return dumps({"row": row, "line": line, "key": key, "outcome": outcome, **told}) + b"\n"
