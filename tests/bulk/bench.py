"""A job of many rows, the sandbox that it goes to, and a disk and a clock that do as they are told.

Run as a program, this is an import in a process of its own, which a test can stop and kill.
"""

import asyncio
import math
import mmap
import os
import signal
import sqlite3
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, closing, suppress
from pathlib import Path
from random import Random
from shutil import which
from typing import Any, Self, cast

import aiohttp
import attrs
import orjson

from aiotask import Client, Created, Outcome, Rejected, RetryPolicy, errors
from aiotask.bulk.journal.records import State
from aiotask.bulk.journal.sqlite import Journal
from aiotask.bulk.journal.writer import Ledger
from aiotask.bulk.keys import KEY_ATTRIBUTE, Keys
from aiotask.sandbox import FAULT_KINDS, FaultKind, Sandbox
from aiotask.taskrouter import NewTask, Tasks

SETTLE = 0.2
TIMEOUT = 0.3
LATE = SETTLE / 4
# Without refusals, after which a run is slower than a test should be.
KINDS: list[FaultKind] = [kind for kind in FAULT_KINDS if kind != "before_429"]
KINDS += ["late_hang", "late_reset"]
KEYS = Keys(KEY_ATTRIBUTE)


def rows(number: int) -> list[NewTask]:
    return [{"attributes": {"n": n}} for n in range(number)]


def number_of(row: NewTask) -> int:
    return int(cast("dict[str, Any]", row["attributes"])["n"])


def files_of(journal: Path) -> list[Path]:
    return sorted(journal.parent.glob(f"{journal.name}*"))


async def bytes_of(journal: Path) -> bytes:
    """Return all that is in a journal's files; another process reads them.

    To close a file lifts all locks that a process has on it, and a run of this one may need them.
    """
    process = await asyncio.create_subprocess_exec(
        "cat", *map(str, files_of(journal)), stdout=subprocess.PIPE
    )
    return (await process.communicate())[0]


def look(journal: Path, query: str, *values: object) -> list[Any]:
    """Ask a journal something, or change it, by a connection of our own."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        return connection.execute(query, values).fetchall()


def states_of(journal: Path) -> dict[int, State]:
    """Return the states of a journal's rows by the rows' numbers, counted from 0."""
    if not journal.exists():
        return {}
    found = look(journal, "SELECT number, state FROM rows")
    return {number - 1: State(state) for number, state in found}


class Bench:
    """A workspace of a sandbox, a client of it, and the place of a journal."""

    def __init__(self, sandbox: Sandbox, client: Client, journal: Path) -> None:
        self.sandbox = sandbox
        self.client = client
        self.journal = journal
        self.workspace = sandbox.create_workspace("Support")
        # The sandbox of a bench has no such limit, and a test no time to keep to one.
        client._session.lane(f"list by expression {self.tasks._operations}", math.inf)

    @property
    def tasks(self) -> Tasks:
        return self.client.taskrouter.workspace(self.workspace).tasks

    @property
    def path(self) -> str:
        return self.tasks.as_target().path

    @property
    def sent(self) -> int:
        """How many creates came in."""
        return self.sandbox.requests["POST Tasks"]

    def job(
        self, given: Iterable[NewTask], **settings: Any
    ) -> AsyncGenerator[Outcome[NewTask], None]:
        chosen: dict[str, Any] = {"journal": self.journal, "settle": SETTLE, "max_in_flight": 20}
        return self.tasks.create_many(given, **chosen | settings)

    async def finish(self, given: Iterable[NewTask], **settings: Any) -> list[Outcome[NewTask]]:
        return [outcome async for outcome in self.job(given, **settings)]

    async def some(
        self, given: Iterable[NewTask], most: int, **settings: Any
    ) -> list[Outcome[NewTask]]:
        """Run until so many outcomes are there, and leave."""
        taken: list[Outcome[NewTask]] = []
        async with aclosing(self.job(given, **settings)) as outcomes:
            async for outcome in outcomes:
                taken.append(outcome)
                if len(taken) == most:
                    break
        return taken

    def opened(self) -> Journal:
        """Open the journal, or make it, as a run of this workspace does."""
        journal = Journal(self.journal)
        journal.open(self.path, KEYS)
        return journal

    def row_of(self) -> dict[str, int]:
        """Return the row's number of each task there is, by its sid."""
        tasks = self.sandbox.tasks(self.workspace)
        return {task.sid: orjson.loads(task.attributes)["n"] for task in tasks}

    def made(self) -> Counter[int]:
        return Counter(self.row_of().values())

    def check(self, outcomes: Iterable[Outcome[NewTask]]) -> None:
        """See that outcomes are true: the row's task if it was created, none if rejected."""
        there, made = self.row_of(), self.made()
        for outcome in outcomes:
            number = number_of(outcome.row)
            if isinstance(outcome, Created):
                assert there.get(outcome.sid) == number, outcome
            elif isinstance(outcome, Rejected):
                assert not made[number], outcome

    async def check_all(self, number: int) -> None:
        """See that there is one task for each row, and that the journal says so."""
        made = self.made()
        self.sandbox.faults.share = 0
        wrong = {n: made[n] for n in range(number) if made[n] != 1}
        assert not wrong
        assert made.total() == number
        result = await self.tasks.audit(self.journal)
        assert result.in_order, result
        assert result.rows[State.CREATED] == number, result


@asynccontextmanager
async def bench(
    folder: Path,
    *,
    session: aiohttp.ClientSession | None = None,
    patience: float = TIMEOUT,
    **settings: Any,
) -> AsyncIterator[Bench]:
    """Serve a sandbox with faults that are soon over, and nothing that slows down a test."""
    chosen: dict[str, Any] = {"expression_rate": None, "late": LATE, "fault_kinds": KINDS}
    async with (
        Sandbox(**chosen | settings) as sandbox,
        Client(
            sandbox.account_sid,
            sandbox.auth_token,
            base_url=sandbox.url,
            timeout=patience,
            retry=RetryPolicy(base=0.05, throttled_base=0.1),
            session=session,
        ) as client,
    ):
        yield Bench(sandbox, client, folder / "journal")


@attrs.frozen(kw_only=True)
class Errand:
    """What an import in another process is to do."""

    url: str
    account_sid: str
    auth_token: str
    workspace: str
    journal: str
    number: int
    flaw: str = ""


class Importer:
    """An import in another process; ``told`` are its outcomes so far, in their words."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.told: list[str] = []
        self._process = process

    @classmethod
    async def start(
        cls, bench: Bench, number: int, *, flaw: str = "", around: Mapping[str, str] | None = None
    ) -> Self:
        """Import so many rows; *flaw* is what the importer does wrong."""
        errand = Errand(
            url=bench.sandbox.url,
            account_sid=bench.sandbox.account_sid,
            auth_token=bench.sandbox.auth_token,
            workspace=bench.workspace,
            journal=str(bench.journal),
            number=number,
            flaw=flaw,
        )
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                __file__,
                orjson.dumps(attrs.asdict(errand)).decode(),
                stdout=subprocess.PIPE,
                env={**os.environ, **(around or {})},
            )
        )

    async def tell(self, most: int) -> bool:
        """Wait until so many outcomes are told; return False where the import is over before."""
        assert self._process.stdout is not None
        while len(self.told) < most:
            line = (await self._process.stdout.readline()).decode().strip()
            if not line:
                return False
            self.told.append(line)
        return True

    async def end(self) -> str:
        """Wait for its end, and return the name of the error that it was, or nothing."""
        while await self.tell(len(self.told) + 1):
            pass
        await self._process.wait()
        last = self.told[-1] if self.told else ""
        return self.told.pop().removeprefix("error ") if last.startswith("error ") else ""

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.end()

    def check(self, bench: Bench) -> None:
        """See that what was told as created is."""
        there = bench.row_of()
        for line in self.told:
            assert line.startswith("Created "), self.told
            _, number, sid = line.split(" ")
            assert there.get(sid) == int(number), line


@asynccontextmanager
async def importing(
    bench: Bench, number: int, *, flaw: str = "", around: Mapping[str, str] | None = None
) -> AsyncIterator[Importer]:
    """Have an import in another process, which does not outlive the block."""
    importer = await Importer.start(bench, number, flaw=flaw, around=around)
    try:
        yield importer
    finally:
        await importer.kill()


# A disk that tells what is on it for certain and can fail, and a clock that can be put: what
# stands between a program and the system's own functions when it is loaded first.
_MACHINE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct board { int64_t step, fails_from, fails, syncs, full; };
static struct board *board;
static const char *folder, *certain;

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_gettimeofday)(struct timeval *, void *);

/* What the program is made of asks for the time when it is loaded, before this is. */
__attribute__((constructor)) static void begin(void) {
    if (board) return;
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_gettimeofday = dlsym(RTLD_NEXT, "gettimeofday");
    folder = getenv("MACHINE_FOLDER");
    certain = getenv("MACHINE_CERTAIN");
    int file = open(getenv("MACHINE_BOARD"), O_RDWR);
    board = mmap(0, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
}

/* The path of a file in the folder, relative to that; "" is the folder itself. */
static const char *inside(int file, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, size - 1);
    size_t start = strlen(folder);
    if (length < 0) return 0;
    path[length] = 0;
    if (strncmp(path, folder, start) || (path[start] && path[start] != '/')) return 0;
    return path + start + (path[start] == '/');
}

static void keep(const char *path, const char *name) {
    char part[4200], whole[4200], bytes[65536];
    ssize_t got;
    snprintf(part, sizeof part, "%s/part", certain);
    snprintf(whole, sizeof whole, "%s/%s", certain, *name ? name : "names");
    int from = open(path, O_RDONLY), to = open(part, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (*name)
        while ((got = read(from, bytes, sizeof bytes)) > 0)
            if (write(to, bytes, got) != got) abort();
    close(from);
    close(to);
    rename(part, whole);
}

static int synced(int file, int (*act)(int)) {
    char path[4096];
    const char *name = inside(file, path, sizeof path);
    if (!name) return act(file);
    int64_t number = ++board->syncs, first = board->fails_from;
    if (first && number >= first && number < first + board->fails) { errno = EIO; return -1; }
    int result = act(file);
    if (!result) keep(path, name);
    return result;
}

int fsync(int file) { return synced(file, real_fsync); }
int fdatasync(int file) { return synced(file, real_fdatasync); }

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t place) {
    char path[4096];
    struct stat status;
    if (board->full && inside(file, path, sizeof path) && !fstat(file, &status)
        && place + (off_t)count > status.st_size) { errno = ENOSPC; return -1; }
    return real_pwrite(file, bytes, count, place);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t place) {
    return pwrite64(file, bytes, count, place);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    begin();
    int result = real_clock_gettime(which, now);
    if (which == CLOCK_REALTIME) now->tv_sec += board->step;
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    begin();
    int result = real_gettimeofday(now, zone);
    now->tv_sec += board->step;
    return result;
}
time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
"""
COMPILER = which("cc") or which("gcc") or which("clang")
HAS_MACHINE = sys.platform == "linux" and COMPILER is not None
_BOARD = struct.Struct("@5q")


class Machine:
    """The disk that importers see in a folder, and their clock."""

    def __init__(self, folder: Path) -> None:
        assert COMPILER is not None
        self.folder = folder / "disk"
        self.folder.mkdir()
        self._certain = folder / "certain"
        self._certain.mkdir()
        (source := folder / "machine.c").write_text(_MACHINE)
        library = folder / "machine.so"
        subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
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
        """How often something was forced to the disk, whether or not that failed."""
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


class ForgetfulLedger(Ledger):
    """A ledger that does not write down which rows may be sent."""

    async def commit(self, claims: Any, ends: Any) -> None:
        del claims
        await super().commit([], ends)


async def _import(errand: Errand) -> None:
    async with AsyncExitStack() as stack:
        client = Client(errand.account_sid, errand.auth_token, base_url=errand.url, timeout=TIMEOUT)
        tasks = (
            (await stack.enter_async_context(client)).taskrouter.workspace(errand.workspace).tasks
        )
        client._session.lane(f"list by expression {tasks._operations}", math.inf)
        outcomes = tasks.create_many(
            rows(errand.number), journal=errand.journal, settle=SETTLE, max_in_flight=20
        )
        async for outcome in outcomes:
            sid = outcome.sid if isinstance(outcome, Created) else "-"
            told = f"{type(outcome).__name__} {number_of(outcome.row)} {sid}"
            print(told, flush=True)  # noqa: T201 - at once: it may be killed in between


def _open_carelessly(open_: Callable[[Journal, str, Keys], None]) -> Callable[..., None]:
    """Return what opens a journal that does not wait for the disk."""

    def opened(journal: Journal, target: str, keys: Keys) -> None:
        open_(journal, target, keys)
        journal._connection.execute("PRAGMA synchronous = NORMAL")

    return opened


def _main() -> None:
    errand = Errand(**orjson.loads(sys.argv[1]))
    if errand.flaw == "does not wait for the disk":
        setattr(Journal, "open", _open_carelessly(Journal.open))  # noqa: B010 - mypy's rule
    try:
        asyncio.run(_import(errand))
    except errors.AiotaskError as error:
        print("error", type(error).__name__, flush=True)  # noqa: T201


if __name__ == "__main__":
    _main()
