"""The audit by itself, against a service that is a few lists: how far it sees, and its disk."""

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from aiotask import AiotaskError, BadRequestError, PermissionDeniedError, ServerError, StatusError
from aiotask.bulk import KEY_ATTRIBUTE, Audit, Found, Keys, audit
from aiotask.bulk.journal.records import Claim, End, State
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.keys import derived_key
from tests.bulk.bench import look
from tests.bulk.lossy_disk import HAS_MACHINE, Machine, compiled

ROOT = Path(__file__).parents[2]
PATH = "/v1/Workspaces/WS1/Tasks"
DAY = 86_400.0
ROWS = range(1, 5)
MANY = 15_000  # rows, which are more than SQLite keeps in memory

needs_machine = pytest.mark.skipif(not HAS_MACHINE, reason="there is no C compiler, or no Linux")


def opened(journal: Path) -> SqliteJournal:
    there = SqliteJournal(journal)
    there.open(PATH, "tasks.create", Keys(KEY_ATTRIBUTE))
    return there


def sid_of(row: int) -> str:
    return f"WT{row:032}"


def claimed(journal: SqliteJournal, rows: Sequence[int], *, created: bool = True) -> None:
    ends = [End(State.CREATED, sid_of(row), None, row) for row in rows if created]
    journal.commit([Claim(row, State.IN_FLIGHT, None, row, None, None) for row in rows], ends)


def none() -> None:
    """Do nothing."""


@attrs.define
class Service:
    """Shows tasks by the numbers of their rows, all of them created at one moment."""

    job: str
    created: float = attrs.field(factory=time.time)
    newest_task: float | None = attrs.field(factory=time.time)
    listed: Sequence[int] = ROWS
    told: Sequence[int] = ROWS
    fetched: Sequence[int] = ()
    no_events: AiotaskError | None = None
    no_fetch: AiotaskError | None = None
    meanwhile: Callable[[], None] = none
    asked_since: float = 0.0
    looks: list[str] = attrs.field(factory=list)

    def _found(self, row: int) -> Found:
        date = datetime.fromtimestamp(self.created, UTC)
        return Found(derived_key(self.job, row), sid_of(row), date, self.job)

    async def is_there(self, sid: str) -> bool:
        self.looks.append(sid)
        if self.no_fetch is not None:
            raise self.no_fetch
        return sid in map(sid_of, self.fetched)

    async def by_keys(self, keys: Sequence[str]) -> list[Found]:
        raise NotImplementedError(keys)

    async def newest(self) -> AsyncIterator[list[Found]]:
        if self.newest_task is not None:
            date = datetime.fromtimestamp(self.newest_task, UTC)
            yield [Found(None, "WT0", None), Found(None, "WT0", date)]

    async def of_job(self, job: str) -> AsyncIterator[Found]:
        assert job == self.job
        for row in self.listed:
            yield self._found(row)
        self.meanwhile()

    async def created_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        self.asked_since = since.timestamp()
        if self.no_events is not None:
            raise self.no_events
        for row in self.told:
            yield [self._found(row), Found("another job's", "WT0", None, "another")]

    async def copies_canceled_since(
        self,
        since: datetime,  # noqa: ARG002
    ) -> AsyncIterator[list[str]]:
        yield []

    async def deleted_since(self, since: datetime) -> AsyncIterator[list[Found]]:  # noqa: ARG002
        yield []

    async def audit(self, journal: Path) -> Audit:
        return await audit(journal, PATH, lambda _: self)


@pytest.fixture
def job(path: Path) -> str:
    """Give the job of a journal whose rows were all created."""
    with closing(opened(path)) as journal:
        claimed(journal, ROWS)
        return journal.job


def begun(path: Path, moment: float) -> None:
    look(path, "UPDATE meta SET value = ? WHERE name = 'begun'", moment)


@pytest.mark.parametrize("refusal", [BadRequestError, PermissionDeniedError])
async def test_without_events_all_has_to_be_listed(
    path: Path, job: str, refusal: type[StatusError]
) -> None:
    error = refusal("no", status=400, headers={})
    service = Service(job, no_events=error)
    result = await service.audit(path)
    assert (result.seen_since, result.unseen, result.in_order) == (None, 0, True)
    service = Service(job, no_events=error, listed=ROWS[1:], fetched=ROWS[:1])
    result = await service.audit(path)
    assert (result.found, result.missing, result.unseen) == (4, [], 1)
    assert not result.in_order


async def test_other_failures_of_the_service_are_raised(path: Path, job: str) -> None:
    error = ServerError("down", status=503, headers={})
    for service in (
        Service(job, no_events=error),
        Service(job, no_fetch=error, listed=(), told=()),
    ):
        with pytest.raises(ServerError):
            await service.audit(path)


async def test_a_task_that_neither_lists_nor_events_show_yet_is_looked_for(
    path: Path, job: str
) -> None:
    service = Service(job, listed=ROWS[1:], told=ROWS[1:], fetched=ROWS)
    result = await service.audit(path)
    assert service.looks == [sid_of(1)]
    assert (result.found, result.ended, result.in_order) == (4, 0, True)


async def test_events_that_do_not_tell_of_what_is_listed_reach_no_further_back(
    path: Path, job: str
) -> None:
    now = time.time()
    begun(path, now - 3000)
    result = await Service(job, created=now - 2000, told=ROWS[1:]).audit(path)
    assert result.seen_since is not None
    assert result.seen_since.timestamp() == pytest.approx(now - 2000 + 1)
    assert (result.unseen, result.in_order) == (0, True)
    result = await Service(job, created=now - 2000, told=ROWS[1:], listed=ROWS[:3]).audit(path)
    assert (result.unseen, result.in_order) == (1, False)
    # What was created a moment ago will be told of.
    result = await Service(job, created=now - 200, told=ROWS[1:], listed=ROWS[:3]).audit(path)
    assert (result.unseen, result.in_order) == (0, True)


async def test_events_are_asked_from_before_the_job_began(path: Path, job: str) -> None:
    now = time.time()
    for started_at, created, newest, least, most in (
        (now - 9 * DAY, now - 9 * DAY, now, now - 10.1 * DAY, now - 9.9 * DAY),
        # This machine's clock was ahead of the service's when the job began.
        (now + 9 * DAY, now - 5 * DAY, now, now - 6.1 * DAY, now - 5.9 * DAY),
        (now + 9 * DAY, now - 5 * DAY, None, now - 6.1 * DAY, now - 5.9 * DAY),
        # They go back thirty days at the most.
        (now - 99 * DAY, now - 98 * DAY, now, now - 30.1 * DAY, now - 29.9 * DAY),
        # This machine's clock is behind the service's.
        (now, now + 99 * DAY, now + 99 * DAY, now + 68.9 * DAY, now + 69.1 * DAY),
    ):
        begun(path, started_at)
        service = Service(job, created=created, newest_task=newest)
        result = await service.audit(path)
        assert least < service.asked_since < most
        assert result.seen_since is not None
        assert result.seen_since.timestamp() == pytest.approx(service.asked_since, abs=60)
        assert result.in_order
    # A service where nothing is listed any more tells nothing of its clock.
    begun(path, 1e300)
    service = Service(job, newest_task=None, listed=())
    assert (await service.audit(path)).ended == 4
    assert service.asked_since < now


async def test_when_rows_were_sent_tells_the_services_clock(path: Path, job: str) -> None:
    now = time.time()
    begun(path, now)
    look(path, "UPDATE rows SET sent = ? WHERE number > 1", now - 3 * DAY)
    service = Service(job, created=now - 3 * DAY, listed=())
    result = await service.audit(path)
    assert service.asked_since == pytest.approx(now - 4 * DAY)
    assert (result.ended, result.in_order) == (4, True)


async def test_rows_that_are_claimed_and_created_meanwhile_are_under_way(path: Path) -> None:
    with closing(opened(path)) as journal:
        claimed(journal, ROWS[:2])
        claimed(journal, [3], created=False)
        journal.commit([Claim(4, State.PENDING, None, 4, None, None)], [])

        def go_on() -> None:
            journal.commit([], [End(State.CREATED, sid_of(n), None, n) for n in (3, 4)])
            claimed(journal, [5, 6])
            journal.commit([Claim(7, State.PENDING, None, 7, None, None)], [])

        service = Service(journal.job, listed=[1, 2, 4, 5], told=[1, 2, 4, 5, 6], meanwhile=go_on)
        result = await service.audit(path)
    assert {state: n for state, n in result.rows.items() if n} == {
        State.PENDING: 1,
        State.IN_FLIGHT: 4,
        State.CREATED: 2,
    }
    assert service.looks == []
    assert result.foreign == result.missing == result.unexpected == []
    assert result.open == 5


# The temporary folder


@pytest.fixture
def many(path: Path) -> list[str]:
    """Give the command that audits a job, more than is kept in memory, in another process."""
    with closing(opened(path)) as journal:
        claimed(journal, range(1, MANY))
        return [sys.executable, "-m", "tests.bulk.test_audit_reach", str(path), journal.job]


def said(command: list[str], **settings: Any) -> str:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, **settings
    )
    assert done.stderr == ""
    return str(done.stdout)


@pytest.mark.campaign
@needs_machine
def test_a_full_temporary_folder_is_an_error_of_ours(
    tmp_path: Path, path: Path, many: list[str]
) -> None:
    machine = Machine(tmp_path, compiled(tmp_path))
    around = {**machine.around, "SQLITE_TMPDIR": str(machine.folder)}
    machine.fill()
    assert said(many, env=around) == (
        f"JournalFullError: the journal {path} cannot be audited: there is no space left for "
        "temporary files (database or disk is full); SQLITE_TMPDIR or TMPDIR names another folder "
        "for them"
    )
    machine.fill(full=False)
    assert said(many, env=around) == "in order: True"


def test_temporary_files_that_cannot_be_written_are_an_error_of_ours(
    path: Path, many: list[str]
) -> None:
    limits = (resource.RLIMIT_FSIZE, (500_000, 500_000))
    text = said(many, preexec_fn=lambda: resource.setrlimit(*limits))
    start = f"JournalIOError: the journal {path} cannot be audited: cannot write temporary files ("
    assert text.startswith(start)


def main(path: str, job: str) -> None:
    service = Service(job, listed=range(1, MANY), told=range(1, MANY))
    try:
        result = asyncio.run(service.audit(Path(path)))
    except AiotaskError as error:
        sys.stdout.write(f"{type(error).__name__}: {error}")
    else:
        sys.stdout.write(f"in order: {result.in_order}")


if __name__ == "__main__":
    main(*sys.argv[1:])
