"""Part files: written beside their target, and moved to its place when they are complete."""

import os
from contextlib import suppress
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

_WINDOWS = os.name == "nt"  # where no open file is moved or removed


class PartFile:
    """A part file of *target*, which no other process has; ``file`` is open for writing.

    A killed process leaves its part behind. In a container every process may have the same number,
    so a part of that name is taken over, unless another container writes it now.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        for number in count(1):
            name = f"{os.getpid()}" if number == 1 else f"{os.getpid()}-{number}"
            self.path: Path = target.with_name(f"{target.name}.{name}.part")
            if (file := _taken(self.path)) is not None:
                self.file: BinaryIO = file
                return

    def finish(self) -> None:
        """Move the complete file to its place."""
        self.file.flush()
        if _WINDOWS:
            self.file.close()
        # While the lock is held: later, another process may have taken over the name.
        self.path.replace(self._target)
        self.file.close()

    def discard(self) -> None:
        """Remove the file."""
        if _WINDOWS:
            self.file.close()
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # a file that could not be written
            self.file.close()


def _taken(path: Path) -> BinaryIO | None:
    """Return the empty file at *path*; None if another process writes it."""
    # A link that somebody has put there is an error.
    flags = os.O_CREAT | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags, 0o666), "wb")
    if not _is_ours(file, path):
        file.close()
        return None
    file.truncate(0)
    return file


def _is_ours(file: BinaryIO, path: Path) -> bool:
    if (fcntl := _fcntl()) is None:
        return True  # there are no two processes of one number
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: the number has to do
    # Between opening and locking, its owner may have moved it to its place.
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _fcntl() -> ModuleType | None:
    try:
        return import_module("fcntl")
    except ImportError:  # on Windows
        return None
