"""The resolver by itself: what it asks and concludes."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from aiotask import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    StatusError,
)
from aiotask.bulk import Found
from aiotask.bulk.lease import Lease
from aiotask.bulk.verdicts import Verdict
from tests.bulk.judged_rows import SETTLE, Judged, Service

pytestmark = pytest.mark.virtual_time


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
    await asyncio.sleep(200)
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
    judged.offsets.note(service.clock(), service.clock())
    service.made("key1")
    for number in range(95):
        service.made(f"other{number}")
    judged.doubt(1).sent_at = None
    assert await judged.until(1, sentinels=False) == {1: "found"}
    assert service.pages >= 10


async def test_an_absence_without_a_later_sentinel_is_none() -> None:
    service = Service()
    judged = Judged(service)
    service.made("sentinel")
    judged.sentinel()
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await asyncio.sleep(5 * SETTLE)
    assert judged.verdicts == {}
    assert len(service.asked) >= 3
    run.cancel()


async def test_a_sentinel_that_was_made_too_early_is_none() -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1)
    await asyncio.sleep(SETTLE / 4)
    service.made("sentinel")
    judged.sentinel()
    run = asyncio.ensure_future(judged.run())
    await asyncio.sleep(3 * SETTLE)
    assert judged.verdicts == {}
    service.made("later")
    judged.sentinel("later")
    while not judged.verdicts:
        await asyncio.sleep(1)
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
    assert service.event_pages >= 1


async def test_a_task_whose_key_was_replaced_is_found_in_the_events() -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1)
    judged.doubt(2)
    service.made("key1", gone=True)
    assert await judged.until(2) == {1: "found", 2: "absent"}


async def test_where_lists_show_no_sentinel_several_looks_at_events_have_to_agree() -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    number = 0
    while not judged.verdicts:
        number += 1
        service.made(f"sentinel{number}", gone=True)
        judged.sentinel(f"sentinel{number}")
        await asyncio.sleep(SETTLE / 10)
    assert judged.verdicts == {1: "absent"}
    assert service.event_pages >= 3
    run.cancel()


async def test_a_row_that_is_older_than_events_go_back_is_unresolved() -> None:
    service = Service()
    judged = Judged(service)
    judged.offsets.note(service.clock(), service.clock())
    judged.doubt(1, old=True).sent_at = service.clock() - 31 * 86_400
    judged.doubt(2, old=True).sent_at = service.clock() - 86_400
    assert await judged.until(2) == {1: "unresolved", 2: "absent"}


async def test_while_creates_fail_no_row_is_given_up() -> None:
    judged = Judged(Service(), stall_timeout=2)
    judged.down = True
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await asyncio.sleep(30 * SETTLE)
    assert judged.verdicts == {}
    judged.down = False
    while not judged.verdicts:
        await asyncio.sleep(1)
    assert judged.verdicts == {1: "unresolved"}
    run.cancel()


async def test_a_task_of_another_job_or_row_is_not_this_one() -> None:
    service = Service()
    judged = Judged(service)
    judged.resolver.looks.job = "mine"
    judged.doubt(1)
    judged.doubt(2)
    date = datetime.fromtimestamp(service.clock(), UTC)
    service.same_key = [
        Found("key1", "another job's", date, "another", 1),
        Found("key1", "another row's", date, "mine", 7),
        Found("key2", "sid of key2", date, "mine", 2),
    ]
    assert await judged.until(2) == {1: "absent", 2: "found"}


async def test_where_no_events_can_be_read_lists_have_to_do() -> None:
    judged = Judged(Service(event_errors=[NotFoundError("no", status=404, headers={})] * 99))
    judged.doubt(1)
    assert await judged.until(1) == {1: "absent"}


@pytest.mark.parametrize("kind", [NotFoundError, PermissionDeniedError])
async def test_where_no_events_can_be_read_an_old_row_is_unresolved(kind: Any) -> None:
    service = Service()
    judged = Judged(service)
    item = judged.doubt(1, old=True)
    service.event_errors = [kind("no", status=403, headers={})] * 99
    assert await judged.until(1) == {1: "unresolved"}
    assert isinstance(item.error, kind)


async def test_events_that_lag_prove_nothing() -> None:
    service = Service()
    judged = Judged(service)
    judged.doubt(1, old=True)
    run = asyncio.ensure_future(judged.run())
    for number in range(60):
        service.made(f"sentinel{number}")
        del service.in_events[f"sentinel{number}"]
        judged.sentinel(f"sentinel{number}")
        await asyncio.sleep(SETTLE / 10)
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
    assert await judged.until(1, sentinels=False) == {1: "unresolved"}
    assert judged.service.clock.passed > 10 * SETTLE


async def test_where_nothing_is_made_one_row_at_a_time_is_taken_for_absent() -> None:
    judged = Judged(Service(), quiet=True)
    for number in range(3):
        judged.doubt(number)
    run = asyncio.ensure_future(judged.run())
    while not judged.verdicts:
        await asyncio.sleep(1)
    assert judged.verdicts == {0: "absent"}
    assert judged.service.clock.passed >= 3 * SETTLE
    run.cancel()


async def test_where_nothing_is_made_a_look_without_the_newest_of_our_own_does_not_count() -> None:
    judged = Judged(Service(), quiet=True)
    judged.sentinel("not listed yet")
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await asyncio.sleep(8 * SETTLE)
    assert judged.verdicts == {}
    run.cancel()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("made", [True, False])
async def test_where_the_newest_of_our_own_has_ended_events_have_to_show_it(
    *, told: bool, made: bool
) -> None:
    service = Service()
    judged = Judged(service, quiet=True, stall_timeout=30 * SETTLE)
    judged.offsets.note(service.clock(), service.clock())
    judged.sentinel("ended")
    if told:
        service.made("ended", gone=True)
    await asyncio.sleep(301)
    judged.doubt(1)
    if made:
        service.made("key1", gone=True)
    expected = "found" if made else "absent" if told else "unresolved"
    assert await judged.until(1, sentinels=False) == {1: expected}


@pytest.mark.parametrize("told", [True, False])
async def test_a_sentinel_that_was_deleted_is_one_as_far_as_events_tell_of_it(
    *, told: bool
) -> None:
    service = Service()
    judged = Judged(service, quiet=True)
    judged.sentinel("gone")
    if told:
        service.made("gone", gone=True)
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await asyncio.sleep(8 * SETTLE)
    assert judged.verdicts == ({1: "absent"} if told else {})
    run.cancel()


async def test_a_sentinel_that_nobody_says_was_deleted_is_waited_for() -> None:
    service = Service()
    judged = Judged(service, quiet=True)
    judged.sentinel("not listed yet")
    service.event_errors = [PermissionDeniedError("no", status=403, headers={})] * 99
    judged.doubt(1)
    run = asyncio.ensure_future(judged.run())
    await asyncio.sleep(5 * SETTLE)
    assert judged.verdicts == {}
    run.cancel()


async def test_a_service_whose_clock_is_at_the_end_of_time_is_looked_at_all_the_same() -> None:
    service = Service()
    judged = Judged(service, quiet=True)
    end = datetime.max.replace(tzinfo=UTC).timestamp()
    judged.offsets.note(end, service.clock())
    judged.sentinel("not listed yet")
    judged.doubt(1).sent_at = end
    run = asyncio.ensure_future(judged.run())
    await asyncio.sleep(4 * SETTLE)
    assert not run.done()
    run.cancel()


@pytest.mark.parametrize("in_time", [True, False])
async def test_where_nothing_is_made_a_strangers_task_can_be_the_control(*, in_time: bool) -> None:
    service = Service()
    judged = Judged(service, quiet=True)
    judged.offsets.note(service.clock(), service.clock())
    judged.doubt(1)
    if in_time:
        await asyncio.sleep(1.05 * SETTLE)
    service.made("a stranger's")
    assert await judged.until(1, sentinels=False) == {1: "absent"}
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


async def test_a_look_says_nothing_of_a_row_that_another_worker_had_meanwhile() -> None:
    looks, goes_on = asyncio.Event(), asyncio.Event()

    class Slow(Service):
        async def by_keys(self, keys: Sequence[str]) -> list[Found]:
            found = await super().by_keys(keys)
            looks.set()
            await goes_on.wait()
            return found

    judged = Judged(Slow())
    told: list[Verdict] = []
    lease = Lease("job", 1, 64, 1, math.inf, lambda _: None)
    first = judged.doubt(1)
    first.lease = lease
    judged.service.made("key1")

    async def run() -> None:
        async for verdicts in judged.resolver.verdicts():
            told.extend(verdicts)

    running = asyncio.ensure_future(run())
    await looks.wait()
    judged.resolver.forget(lease)
    again = judged.doubt(1)  # its window came back
    goes_on.set()
    while not told:
        await asyncio.sleep(SETTLE / 10)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert [verdict.item for verdict in told] == [again]
