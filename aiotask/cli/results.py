"""Where the outcomes of an import go: a file that is replaced whole, or standard output."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from aiotask.cli.failures import WrongUsageError

STANDARD_OUTPUT = "-"


class Results:
    """JSON Lines of outcomes at *path*: nowhere for None, on standard output for ``-``.

    A file is written beside its place and moved there at the end, so that a reader never finds
    half of one. What is no regular file (a pipe, a device) is written to directly.
    """

    def __init__(self, path: str | None) -> None:
        self.error: OSError | None = None
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None:
            return
        try:
            self._file.flush()
        except OSError as failure:
            self.error = self.error or failure
        if self._file is sys.stdout.buffer:
            return
        with suppress(OSError):  # what could not be flushed is not closed without complaint
            self._file.close()
        if self._part is not None and self._place is not None and self.error is None:
            if kind is not None and not self._begun:
                self._part.unlink()  # there was no run
            else:
                self._part.replace(self._place)

    def trouble(self) -> str:
        """Return what went wrong with writing, and where the results are as far as they go."""
        told = self.error.strerror if self.error is not None else None
        return f"results: {told}" + (f"; the first ones are in {self._part}" if self._part else "")

    def write(self, line: int, outcome: str, **told: Any) -> None:
        """Write one outcome; after an ``error`` there is nothing more to write to."""
        if self._file is None or self.error is not None:
            return
        try:
            self._begun = True
            document = {"line": line, "outcome": outcome, **told}
            self._file.write(orjson.dumps(document) + b"\n")
            if self._place is None:
                self._file.flush()
        except OSError as error:
            self.error = error
