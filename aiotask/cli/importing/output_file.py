"""Output file of an import: renamed into place when it is complete."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.part_file import PartFile

STANDARD_OUTPUT = "-"


class OutputFile:
    """The file at *path*, or standard output for ``-``; ``error`` is the first of writing.

    A regular file is written under another name and renamed at the end, so that a reader never
    finds half of it. A pipe or a device is ``direct``: it gets everything at once.
    """

    def __init__(self, path: str) -> None:
        self.error: OSError | None = None
        self._part: PartFile | None = None
        self._file: BinaryIO = sys.stdout.buffer
        if path != STANDARD_OUTPUT:
            self._open(Path(path).resolve())

    def _open(self, target: Path) -> None:
        if target.exists() and not target.is_file():
            self._file = target.open("wb")  # an error for a directory
            return
        self._part = PartFile(target)
        self._file = self._part.file

    @property
    def direct(self) -> bool:
        """Whether what is written is there at once, and cannot be taken back."""
        return self._part is None

    def write(self, content: bytes) -> None:
        """Write *content*; after an ``error`` nothing more is written."""
        if self.error is not None:
            return
        try:
            self._file.write(content)
            if self.direct:
                self._file.flush()
        except OSError as error:
            self.error = error

    def close(self, *, keep: bool) -> None:
        """Put the file into place if it is to be kept and complete."""
        try:
            self._file.flush()
        except OSError as failure:
            self.error = self.error or failure
        if self._file is sys.stdout.buffer:
            return
        try:
            if self._part is not None and not keep:
                self._part.discard()
            elif self._part is not None and self.error is None:
                self._part.finish()
        except OSError as error:
            self.error = error
        with suppress(OSError):  # a file whose flush failed raises again here
            self._file.close()

    def trouble(self, error: OSError | None) -> str:
        """Return what an error says, and which file has what was written before it."""
        why = str(error) if error is None or error.strerror is None else error.strerror
        if self._part is None or not self._part.path.exists():
            return why
        return f"{why}; the first ones are in {self._part.path}"


def open_output(option: str, path: str) -> OutputFile:
    """Open the file that an option names; a WrongUsageError says why it cannot be written."""
    try:
        return OutputFile(path)
    except OSError as error:
        raise WrongUsageError(f"--{option} {path}: {error.strerror}") from error
