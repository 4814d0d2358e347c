"""The resolver by itself, against a service that is a dictionary: what it asks and concludes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from aiotask import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    StatusError,
)
from aiotask.bulk import KEY_ATTRIBUTE, Found, Keys, Settings
from aiotask.bulk.item import Item
from aiotask.bulk.resolver import Absent, Exists, Resolver, Undecided, Verdict
from aiotask.bulk.service_clock import ServiceClock
from aiotask.errors import AiotaskError
from tests.bulk.quick_clock import IdleClock

SETTLE = 40.0


@attrs.define
class Service:
    """Holds what is there by key, and fails as it is told to."""

    clock: IdleClock = attrs.field(factory=IdleClock)
    listed: dict[str, Found] = attrs.field(factory=dict)
    in_events: dict[str, Found] = attrs.field(factory=dict)
    asked: list[list[str]] = attrs.field(factory=list)
    pages: int = 0
    event_pages: int = 0
    most_keys: int = 1000
    deleted: list[Found] = attrs.field(factory=list)
    same_key: list[Found] = attrs.field(factory=list)
    errors: list[AiotaskError] = attrs.field(factory=list)
    event_errors: list[AiotaskError] = attrs.field(factory=list)
    too_many: Callable[[], StatusError] = lambda: StatusError("long", status=414, headers={})

    def made(self, key: str, *, gone: bool = False) -> None:
        found = Found(key, f"sid of {key}", datetime.fromtimestamp(self.clock(), UTC))
        self.in_events[key] = found
        if not gone:
            self.listed[key] = found

    async def is_there(self, sid: str) -> bool:
        return any(found.sid == sid for found in self.listed.values())

    async def by_keys(self, keys: Sequence[str]) -> list[Found]:
        self.asked.append([*keys])
        self._fail()
        if len(keys) > self.most_keys:
            raise self.too_many()
        return self.same_key + [self.listed[key] for key in keys if key in self.listed]

    async def newest(self) -> AsyncIterator[list[Found]]:
        self._fail()
        latest = sorted(self.listed.values(), key=lambda each: str(each.created), reverse=True)
        for start in range(0, len(latest), 10):
            self.pages += 1
            yield latest[start : start + 10]

    async def deleted_since(self, since: datetime) -> AsyncIterator[list[Found]]:  # noqa: ARG002
        if self.event_errors:
            raise self.event_errors.pop()
        yield self.deleted

    async def created_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        if self.event_errors:
            raise self.event_errors.pop()
        self.event_pages += 1
        yield [each for each in self.in_events.values() if each.created and each.created >= since]

    async def copies_canceled_since(
        self,
        since: datetime,  # noqa: ARG002
    ) -> AsyncIterator[list[str]]:
        yield []

    async def of_job(self, job: str) -> AsyncIterator[Found]:  # noqa: ARG002
        for found in self.listed.values():
            yield found

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop()


class Judged:
    """A resolver, and what it has concluded."""

    def __init__(
        self, service: Service, *, quiet: bool = False, stall_timeout: float = 600
    ) -> None:
        self.service = service
        self.verdicts: dict[int, str] = {}
        self.time = ServiceClock()
        settings = Settings(keys=Keys(KEY_ATTRIBUTE), settle=SETTLE, stall_timeout=stall_timeout)
        policy = service.clock.policy()
        self.resolver = Resolver(service, settings, self.time, lambda: quiet, policy)
        self.error: Exception | None = None

    async def run(self) -> None:
        """Take verdicts, until cancelled."""
        async for verdicts in self.resolver.verdicts():
            for verdict in verdicts:
                self._note(verdict)

    def _note(self, verdict: Verdict) -> None:
        match verdict:
            case Exists(item=item, sid=sid):
                assert sid == f"sid of {item.key}"
                self.verdicts[item.number] = "found"
            case Absent(item=item):
                self.verdicts[item.number] = "absent"
            case Undecided(item=item):
                self.verdicts[item.number] = "unresolved"

    def doubt(self, number: int, *, old: bool = False, since: float | None = None) -> Item:
        item = Item(number, {}, f"key{number}", b"", None, None)
        item.sent_at = self.service.clock()
        self.resolver.add(item, None, since or item.sent_at, from_earlier_run=old)
        return item

    def control(self, key: str = "control") -> None:
        self.resolver.sentinels.note(key, self.service.clock())

    async def until(self, count: int, *, controls: bool = True) -> dict[int, str]:
        """Run until so many rows are settled, something new being made all the while."""
        run = asyncio.ensure_future(self.run())
        number = 0
        while len(self.verdicts) < count and not run.done():
            if controls:
                number += 1
                self.service.made(f"control{number}")
                self.control(f"control{number}")
            await self.service.clock.sleep(SETTLE / 10)
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        return self.verdicts


async def test_rows_are_asked_for_a_hundred_at_a_time() -> None:
    judged = Judged(Service())
    since = judged.service.clock()
    for number in range(250):
        judged.doubt(number, since=since)
        if number % 2:
            judged.service.made(f"key{number}")
    verdicts = await judged.until(250)
    assert verdicts == {n: "found" if n % 2 else "absent" for n in range(250)}
    rows = [sum(key.startswith("key") for key in keys) for keys in judged.service.asked]
    assert rows == [100, 100, 50]


@pytest.mark.parametrize("status", [400, 413, 414, 431])
async def test_of_too_many_keys_fewer_are_asked_for(status: int) -> None:
    kind = BadRequestError if status == 400 else StatusError
    service = Service(most_keys=40, too_many=lambda: kind("no", status=status, headers={}))
    judged = Judged(service)
    for number in range(120):
        judged.doubt(number)
        service.made(f"key{number}")
    assert await judged.until(120) == dict.fromkeys(range(120), "found")
    assert max(len(keys) for keys in service.asked[2:]) <= 100


async def test_where_no_key_can_be_asked_for_the_latest_are_gone_through() -> None:
    service = Service(most_keys=0)
    judged = Judged(service)
    for number in range(100):
        service.made(f"before{number}")
    service.listed["before0"] = Found(None, "no key", None)
    await service.clock.sleep(200)
    for number in range(20):
        judged.doubt(number)
        service.made(f"key{number}")
    assert await judged.until(20) == dict.fromkeys(range(20), "found")
    asked = len(service.asked)
    # Those made long before the rows were sent are not gone through.
    assert service.pages < 10
    judged.verdicts.clear()
    judged.doubt(100)
    assert await judged.until(1) == {100: "absent"}
    assert len(service.asked) == asked


async def test_without_a_time_all_there_is_is_gone_through() -> None:
    service = Service(most_keys=0)
    judged = Judged(service)
    judged.resolver.started_at = service.clock()
    service.made("key1")
    for number in range(95):
        service.made(f"other{number}")
    judged.doubt(1).sent_at = None
    assert await judged.until(1, controls=False) == {1: "found"}
    assert service.pages >= 10


async def test_an_absence_without_a_later_control_is_none() -> None:
    service = Service()
    judged = Judged(service)
    service.made("control")
    judged.control()
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await service.clock.sleep(5 * SETTLE)
    assert judged.verdicts == {}
    assert len(service.asked) >= 3
    run.cancel()


async def test_a_control_that_was_made_too_early_is_none() -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1)
    await service.clock.sleep(SETTLE / 4)
    service.made("control")
    judged.control()
    run = asyncio.ensure_future(judged.run())
    await service.clock.sleep(3 * SETTLE)
    assert judged.verdicts == {}
    service.made("later")
    judged.control("later")
    while not judged.verdicts:
        await service.clock.sleep(1)
    assert judged.verdicts == {1: "absent"}
    run.cancel()


@pytest.mark.parametrize("gone", [False, True])
async def test_an_old_row_that_no_list_shows_is_looked_for_in_the_events(*, gone: bool) -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1, old=True)
    if gone:
        service.made("key1", gone=True)
    assert await judged.until(1) == {1: "found" if gone else "absent"}
    assert service.event_pages == 1


@pytest.mark.parametrize(("age", "pages"), [(100, 0), (1000, 1)])
async def test_events_are_asked_only_for_what_lists_may_have_lost(age: float, pages: int) -> None:
    service = Service()
    judged = Judged(service)
    judged.time.note(datetime.fromtimestamp(service.clock(), UTC), service.clock())
    judged.doubt(1, old=True).sent_at = service.clock() - age
    assert await judged.until(1) == {1: "absent"}
    assert service.event_pages == pages


async def test_a_task_that_was_deleted_before_the_look_is_not_made_again() -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1)
    judged.doubt(2)
    service.deleted = [Found("key1", "sid of key1", None)]
    assert await judged.until(2) == {1: "found", 2: "absent"}


async def test_where_no_events_can_be_read_lists_have_to_do() -> None:
    judged = Judged(Service(event_errors=[NotFoundError("no", status=404, headers={})]))
    judged.doubt(1)
    assert await judged.until(1) == {1: "absent"}


@pytest.mark.parametrize("kind", [NotFoundError, PermissionDeniedError])
async def test_where_no_events_can_be_read_an_old_row_is_unresolved(kind: Any) -> None:
    service = Service()
    judged = Judged(service)
    item = judged.doubt(1, old=True)
    service.event_errors = [kind("no", status=403, headers={})]
    assert await judged.until(1) == {1: "unresolved"}
    assert isinstance(item.error, kind)


async def test_events_that_lag_prove_nothing() -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1, old=True)
    run = asyncio.ensure_future(judged.run())
    for number in range(60):
        service.made(f"control{number}")
        del service.in_events[f"control{number}"]
        judged.control(f"control{number}")
        await service.clock.sleep(SETTLE / 10)
    assert judged.verdicts == {}
    assert service.event_pages > 1
    run.cancel()


async def test_a_row_that_was_carried_out_is_never_absent() -> None:
    judged = Judged(Service())
    judged.doubt(1).accepted = True
    assert await judged.until(1) == {1: "unresolved"}


async def test_what_cannot_be_found_out_for_long_is_unresolved() -> None:
    judged = Judged(Service(), stall_timeout=2)
    judged.doubt(1)
    assert await judged.until(1, controls=False) == {1: "unresolved"}
    assert judged.service.clock.passed > 10 * SETTLE


async def test_where_nothing_is_made_one_row_at_a_time_is_taken_for_absent() -> None:
    judged = Judged(Service(), quiet=True)
    for number in range(3):
        judged.doubt(number)
    run = asyncio.ensure_future(judged.run())
    while not judged.verdicts:
        await judged.service.clock.sleep(1)
    assert judged.verdicts == {0: "absent"}
    assert judged.service.clock.passed >= 3 * SETTLE
    assert judged.service.event_pages == 0  # it cannot have ended and been removed by then
    run.cancel()


async def test_where_nothing_is_made_a_look_without_the_newest_of_our_own_does_not_count() -> None:
    judged = Judged(Service(), quiet=True)
    judged.control("not listed yet")
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await judged.service.clock.sleep(8 * SETTLE)
    assert judged.verdicts == {}
    run.cancel()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("made", [True, False])
async def test_where_the_newest_of_our_own_has_ended_events_have_to_show_it(
    *, told: bool, made: bool
) -> None:
    service = Service()
    judged = Judged(service, quiet=True, stall_timeout=30 * SETTLE)
    judged.time.note(datetime.fromtimestamp(service.clock(), UTC), service.clock())
    judged.control("ended")
    if told:
        service.made("ended", gone=True)
    await service.clock.sleep(301)
    judged.doubt(1)
    if made:
        service.made("key1", gone=True)
    expected = "found" if made else "absent" if told else "unresolved"
    assert await judged.until(1, controls=False) == {1: expected}


@pytest.mark.parametrize("listed", [True, False])
async def test_a_control_that_somebody_has_deleted_is_none_but_one_before_it_is(
    *, listed: bool
) -> None:
    service = Service()
    judged = Judged(service, quiet=True)
    judged.control("earlier")
    if listed:
        service.made("earlier")
    await service.clock.sleep(SETTLE / 4)
    judged.control("gone")
    service.deleted = [Found("gone", "sid of gone", datetime.fromtimestamp(service.clock(), UTC))]
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await service.clock.sleep(8 * SETTLE)
    assert judged.verdicts == ({1: "absent"} if listed else {})
    run.cancel()


async def test_a_control_that_nobody_says_was_deleted_is_waited_for() -> None:
    service = Service()
    judged = Judged(service, quiet=True)
    judged.control("not listed yet")
    service.event_errors = [PermissionDeniedError("no", status=403, headers={})] * 99
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await service.clock.sleep(8 * SETTLE)
    assert judged.verdicts == {}
    run.cancel()


async def test_a_service_whose_clock_is_at_the_end_of_time_is_looked_at_all_the_same() -> None:
    service = Service()
    judged = Judged(service, quiet=True)
    judged.time.note(datetime.max.replace(tzinfo=UTC), service.clock())
    judged.control("not listed yet")
    judged.doubt(1).sent_at = judged.time.at(service.clock())
    run = asyncio.ensure_future(judged.run())
    await service.clock.sleep(4 * SETTLE)
    assert not run.done()
    run.cancel()


@pytest.mark.parametrize("in_time", [True, False])
async def test_where_nothing_is_made_a_strangers_task_can_be_the_control(*, in_time: bool) -> None:
    service = Service()
    judged = Judged(service, quiet=True)
    judged.time.note(datetime.fromtimestamp(service.clock(), UTC), service.clock())
    judged.doubt(1)
    if in_time:
        await service.clock.sleep(0.8 * SETTLE)
    service.made("a stranger's")
    assert await judged.until(1, controls=False) == {1: "absent"}
    assert len(service.asked) == (1 if in_time else 3)


async def test_a_look_that_fails_is_made_again() -> None:
    service = Service()
    service.errors = [ServerError("no", status=503, headers={}) for _ in range(3)]
    judged = Judged(service)
    judged.doubt(1)
    service.made("key1")
    assert await judged.until(1) == {1: "found"}
    assert len(service.asked) == 4


async def test_looks_that_fail_for_long_end_the_run() -> None:
    service = Service()
    service.errors = [ServerError("no", status=503, headers={}) for _ in range(1000)]
    judged = Judged(service, stall_timeout=2)
    judged.doubt(1)
    with pytest.raises(ServerError):
        await judged.run()
    assert judged.verdicts == {}


async def test_a_look_that_is_not_allowed_ends_the_run_at_once() -> None:
    service = Service()
    service.errors = [AuthenticationError("no", status=401, headers={})]
    judged = Judged(service)
    judged.doubt(1)
    with pytest.raises(AuthenticationError):
        await judged.run()
    assert judged.verdicts == {}


async def test_of_several_with_one_key_the_first_is_the_rows() -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1)
    first = Found("key1", "sid of key1", datetime(2026, 1, 1, tzinfo=UTC))
    second = Found("key1", "a copy", datetime(2026, 1, 2, tzinfo=UTC))
    dateless = Found("key1", "dateless", None)
    service.same_key = [dateless, second, first, Found(None, "no key", None)]
    assert await judged.until(1) == {1: "found"}
