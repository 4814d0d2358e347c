"""Results file of an import: the outcome of every row as JSON Lines."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from aiotask._json import dumps
from aiotask.bulk import entries_of
from aiotask.cli.importing.counts import fate_of
from aiotask.cli.importing.output_file import OutputFile, open_output
from aiotask.errors import JournalError


class Results:
    """JSON Lines at *path*: none for None, on standard output for ``-``.

    With a *journal* a regular file holds the rows of all runs in their order; a pipe or a device
    gets the rows of this run.
    """

    def __init__(self, path: str | None, journal: str | None) -> None:
        self.error: OSError | JournalError | None = None
        self._path = path
        self._journal: str | None = None
        self._started = False
        self._file = None if path is None else open_output("results", path)
        if self._file is not None and not self._file.direct and journal is not None:
            # The path can be written. The file is made at the end, so a kill leaves nothing behind.
            self._file.close(keep=False)
            self._journal = journal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None or self._path is None:
            return
        if self._journal is None:
            self._file.close(keep=kind is None or self._started)
            self.error = self._file.error
        elif kind is None:
            self._write_all(self._journal, self._path)

    def _write_all(self, journal: str, path: str) -> None:
        try:
            file = self._file = OutputFile(path)
        except OSError as error:
            self.error = error
            return
        try:
            for line in _finished_rows(journal):
                file.write(line)
        except JournalError as error:
            self.error = error
        file.close(keep=self.error is None and file.error is None)
        self.error = self.error or file.error

    def trouble(self) -> str:
        """Return the error of writing, and the file that has the results so far."""
        if isinstance(self.error, JournalError) or self._file is None:
            return f"results: {self.error}"
        return f"results: {self._file.trouble(self.error)}"

    def write(self, row: int, line: int, key: str | None, outcome: str, **details: Any) -> None:
        """Write one outcome; after an ``error`` nothing more is written."""
        if self._file is not None and self._journal is None:
            self._started = True
            self._file.write(_line(row, line, key, outcome, details))
            self.error = self._file.error


def _finished_rows(journal: str) -> Iterator[bytes]:
    """Yield a line for each finished row of a journal."""
    for number, state, _, line, _, key, sid, error in entries_of(journal):
        if (outcome := fate_of(state, error)) is not None:
            failed = outcome in {"rejected", "unresolved"}
            details = {"error": error} if failed else {"sid": sid}
            yield _line(number, line, key, outcome, details)


def _line(
    row: int, line: int | None, key: str | None, outcome: str, details: dict[str, Any]
) -> bytes:
    known = {"row": row, "line": line, "key": key, "outcome": outcome}
    return dumps(known | details) + b"\n"
