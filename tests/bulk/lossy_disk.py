"""A disk that tells what is on it for certain and can fail, and a clock that can be put."""

import mmap
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from shutil import which

SOURCE = Path(__file__).with_name("lossy_disk.c")
COMPILER = which("cc") or which("gcc") or which("clang")
HAS_MACHINE = sys.platform == "linux" and COMPILER is not None
_BOARD = struct.Struct("@5q")


def compiled(folder: Path) -> Path:
    """Return the library that stands between a program and the system."""
    assert COMPILER is not None
    library = folder / "lossy_disk.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


class Machine:
    """The disk that importers see in a folder, and their clock."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self._certain = folder / "certain"
        self._certain.mkdir()
        (board := folder / "board").write_bytes(bytes(_BOARD.size))
        with board.open("r+b") as file:
            self._board = mmap.mmap(file.fileno(), _BOARD.size)
        self.around = {
            "LD_PRELOAD": str(library),
            "MACHINE_FOLDER": str(self.folder),
            "MACHINE_CERTAIN": str(self._certain),
            "MACHINE_BOARD": str(board),
        }

    def _put(self, place: int, value: int) -> None:
        struct.pack_into("@q", self._board, 8 * place, value)

    @property
    def syncs(self) -> int:
        """The number of syncs, also of those that failed."""
        return int(_BOARD.unpack(self._board[:])[3])

    def set_clock(self, step: int) -> None:
        """Have the wall clock wrong by so many seconds from now on."""
        self._put(0, step)

    def fail(self, after: int, times: int) -> None:
        """Have so many syncs fail, after so many more that do not."""
        self._put(2, times)
        self._put(1, self.syncs + after + 1)

    def fill(self, *, full: bool = True) -> None:
        """Have no space left on the disk, or space again."""
        self._put(4, int(full))

    def start(self) -> None:
        """Have all on the disk for certain that is there now."""
        for kept in self._certain.iterdir():
            kept.unlink()
        for file in self.folder.iterdir():
            (self._certain / file.name).write_bytes(file.read_bytes())

    def certain(self, name: str) -> bytes | None:
        """Return what a file has on the disk for certain, None where it may not be there."""
        kept = self._certain / name
        if not kept.exists() and (self._certain / "names").exists():
            kept = self._certain / f"{name}.new"  # whose name is another one by now
        return kept.read_bytes() if kept.exists() else None

    def lose_power(self, journal: Path, random: Random) -> None:
        """Leave of a journal what is certain, and of the rest whatever chance has written."""
        for name in (journal.name, f"{journal.name}-wal"):
            file = self.folder / name
            was = self.certain(name)
            now = file.read_bytes() if file.exists() else b""
            with suppress(FileNotFoundError):
                file.unlink()
            if was is not None:
                file.write_bytes(_half_written(was, now, random))
        for name in (f"{journal.name}-shm", f"{journal.name}.lock"):
            with suppress(FileNotFoundError):
                (self.folder / name).unlink()


_SECTOR = 512


def _half_written(was: bytes, now: bytes, random: Random) -> bytes:
    """Return a file some of whose sectors were written, in no order."""
    share = random.choice([0.0, random.random(), 1.0])
    size = len(was) if len(now) <= len(was) else random.randint(len(was), len(now))
    found = bytearray(was.ljust(size, b"\0"))
    for start in range(0, min(size, len(now)), _SECTOR):
        if random.random() < share:
            end = min(start + _SECTOR, size, len(now))
            found[start:end] = now[start:end]
    if random.random() < share / 2:
        found += random.randbytes(random.randrange(10_000))
    return bytes(found)
