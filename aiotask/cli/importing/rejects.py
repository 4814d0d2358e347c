"""Rejected records of an import as they came, to be corrected and imported."""

from collections.abc import Generator
from contextlib import closing, suppress
from types import TracebackType
from typing import Self

from aiotask.bulk import JournalSummary, State, entries_of
from aiotask.cli.importing.input import Input
from aiotask.cli.importing.output_file import open_output
from aiotask.cli.importing.records import Put, Record
from aiotask.errors import JournalError


class Rejects:
    """A file at *path* in the format of the input, or none for None.

    With a *journal* it has the rejected records of all runs.
    """

    def __init__(self, path: str | None, journal: str | None) -> None:
        self.error: OSError | None = None
        self._path = path
        self._journal = journal
        self._file = None if path is None else open_output("rejects", path)
        self._count = 0
        self._end = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.write(self._end)
            self._file.close(keep=kind is None)
            self.error = self._file.error

    def report(self) -> str | None:
        """Return what the file has, or why it has not everything."""
        if self._file is None:
            return None
        if self.error is not None:
            return f"rejects: {self._file.trouble(self.error)}"
        if not self._count:
            return None
        put_right = "put corrected rows in a new file with its own --journal"
        return f"{self._count:,} rejected rows are in {self._path}; {put_right}"

    def write(self, source: Input, record: Record) -> None:
        """Write a record that was rejected."""
        if self._file is not None and self.error is None and (raw := source.records.raw(record)):
            frame = source.records.frame
            self._file.write((frame.between if self._count else frame.start) + raw)
            self.error = self._file.error
            self._count += 1
            self._end = frame.end

    def read(self, source: Input, earlier: JournalSummary | None, put: Put) -> None:
        """Hand over all records of a source, and write those that earlier runs rejected.

        They are passed before any record of this run is rejected.
        """
        if self._file is None or earlier is None or self._journal is None:
            source.read(put)
            return
        with closing(_rejected(self._journal)) as numbers:
            number = next(numbers, None)

            def put_and_write(portion: list[Record]) -> None:
                nonlocal number
                for record in portion if number is not None else ():
                    if source.position(record) == number:
                        self.write(source, record)
                        number = next(numbers, None)
                put(portion)

            source.read(put_and_write)


def _rejected(journal: str) -> Generator[int, None, None]:
    """Yield the numbers of a journal's rejected rows; the run reports a journal that is wrong."""
    with suppress(JournalError):
        for entry in entries_of(journal):
            if entry.state is State.REJECTED:
                yield entry.number
