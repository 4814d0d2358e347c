"""Locks of a journal: one run at a time has it, whatever becomes of the names of its files."""

import errno
import os
import socket
import sys
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from filelock import FileLock, Timeout

from aiotask.errors import JournalAccessError, JournalLockedError

# On Windows, the lock beside the file is all there is.
fcntl: ModuleType | None = import_module("fcntl") if find_spec("fcntl") else None

_OWNER_ONLY = 0o600
# Seconds. A reader that asks whether a run has the journal holds the lock itself for a moment, so
# a run tries for longer than that.
_GLANCE = 0.05
_GLANCES = 0.4
_IN_USE = "is in use by another run"


class Locks:
    """The locks of one run: on the file ``.lock``, on the journal's own file, on the job.

    The first keeps others out before there is a journal. The second holds where ``.lock`` was
    removed, or where the journal has a second name. The third keeps a copy of the journal from
    being run at the same time on this machine, and a journal from being begun again while a run
    still has the file that was removed.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._beside = _file_lock(f"{path}.lock")
        self._named: list[socket.socket] = []
        self._file = -1

    def take(self) -> None:
        """Lock the journal's place; a JournalLockedError says that another run has it."""
        folder = Path(self._path).parent
        if not folder.is_dir():
            reason = f"cannot be made: there is no directory {folder}"
            raise JournalAccessError(reason, self._path)
        self._acquire(self._beside, _IN_USE)
        self._take_name("path", self._path, _IN_USE)

    def take_file(self) -> os.stat_result:
        """Lock the journal's own file, which is there by now, and return its identity."""
        if fcntl is None:
            return Path(self._path).stat()
        self._file = os.open(self._path, os.O_RDWR)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalLockedError(_IN_USE, self._path) from None
        return os.fstat(self._file)

    def take_job(self, job: str) -> None:
        """Lock the job."""
        self._take_name("job", job, "is a copy of a journal that another run has")

    def release(self) -> None:
        """Release all of them; the connection to the journal is closed by then."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        for lock in self._named:
            lock.close()
        self._named.clear()
        self._beside.release()

    def _take_name(self, kind: str, name: str, taken: str) -> None:
        """Lock a name on this machine, on Linux; elsewhere, the other locks have to do.

        An abstract socket leaves nothing behind, and a killed process releases it.
        """
        if sys.platform != "linux":
            return
        digest = sha256(name.encode(errors="surrogateescape")).hexdigest()
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0aiotask-{kind}-{digest}")
        except OSError as error:
            lock.close()
            if error.errno == errno.EADDRINUSE:
                raise JournalLockedError(taken, self._path) from None
        else:
            self._named.append(lock)

    def _acquire(self, lock: FileLock, taken: str) -> None:
        try:
            lock.acquire(timeout=_GLANCES, poll_interval=_GLANCE / 4)
        except Timeout:
            raise JournalLockedError(taken, self._path) from None
        except (OSError, NotImplementedError) as error:
            raise JournalAccessError(f"cannot be locked: {error}", self._path) from error


def _file_lock(path: str) -> FileLock:
    return FileLock(path, mode=_OWNER_ONLY, thread_local=False)


def is_running(path: str) -> bool:
    """Whether a run has the journal now."""
    if not os.path.exists(f"{path}.lock"):  # noqa: PTH110 - a name, and nothing else
        return False
    lock = _file_lock(f"{path}.lock")
    try:
        lock.acquire(timeout=_GLANCE, poll_interval=_GLANCE / 4)
    except (Timeout, OSError):
        return True
    lock.release()
    return False
