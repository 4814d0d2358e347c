"""The retry policy: repeated failures and their waits, without a clock."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from multidict import CIMultiDict

from aiotask import (
    AiotaskError,
    Client,
    ConnectionFailedError,
    ConnectionLostError,
    DecodingError,
    IncompleteAnswerError,
    NotFoundError,
    NotJsonError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    StatusError,
    TLSError,
)
from aiotask._retry import retry_after
from tests.conftest import Clock, RawServer, answer

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def rate_limited(wait: float | None = None) -> RateLimitError:
    error = RateLimitError("slower", status=429, headers={})
    error.retry_after = None if wait is None else float(wait)
    return error


def failed(kind: type[Any], status: int) -> AiotaskError:
    error: AiotaskError = kind("failed", status=status, headers={})
    return error


@pytest.mark.parametrize(
    ("values", "date", "wait"),
    [
        ([], None, None),
        (["-5"], None, None),
        (["0"], None, 0),
        (["1"], None, 1),
        (["1.5"], None, None),
        (["1e9"], None, None),
        (["inf"], None, None),
        (["nan"], None, None),
        (["1_000"], None, None),
        ([" 3 "], None, 3),
        (["+3"], None, None),
        (["٣"], None, None),
        ([""], None, None),
        (["soon"], None, None),
        (["1", "3"], None, 3),
        (["soon", "3"], None, 3),
        (["9" * 400], None, float("inf")),
        (["Sat, 21 Nov 2026 11:59:00 GMT"], None, 0),
        (["Sat, 21 Nov 2026 12:00:05 GMT"], None, 5),
        (["Sat, 21 Nov 2026 14:00:05 +0200"], None, 5),
        (["Sat, 21 Nov 2026 12:00:05"], None, 5),
        (["Sat, 21 Nov 2026 13:00:05 GMT"], "Sat, 21 Nov 2026 13:00:00 GMT", 5),
        (["Sat, 21 Nov 2026 12:00:05 GMT"], "yesterday", 5),
        (["Thu, 31 Dec 2099 23:59:59 GMT"], None, 2_307_182_399),
        (["Sat, 99 Nov 2026 12:00:05 GMT"], None, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(
    values: list[str], date: str | None, wait: float | None
) -> None:
    headers: CIMultiDict[str] = CIMultiDict(("Retry-After", value) for value in values)
    if date:
        headers["Date"] = date
    assert retry_after(headers, lambda: NOW) == wait


@pytest.mark.parametrize(
    ("error", "for_all", "for_idempotent"),
    [
        (rate_limited(), True, True),
        (rate_limited(120), True, True),
        (rate_limited(120.1), False, False),
        (failed(StatusError, 421), True, True),
        (ConnectionFailedError("refused"), True, True),
        (TLSError("expired"), False, False),
        (ConnectionLostError("reset"), False, True),
        (RequestTimeoutError("slow"), False, True),
        (failed(ServerError, 503), False, True),
        (failed(IncompleteAnswerError, 200), False, True),
        (failed(StatusError, 408), False, True),
        (failed(StatusError, 425), False, True),
        (failed(StatusError, 405), False, False),
        (failed(NotFoundError, 404), False, False),
        (failed(NotJsonError, 200), False, True),
        (failed(DecodingError, 200), False, False),
        (AiotaskError("other"), False, False),
        (ValueError("ours"), False, False),
        (None, False, False),
    ],
)
def test_what_is_repeated_depends_on_what_may_have_been_done(
    error: AiotaskError | None, *, for_all: bool, for_idempotent: bool
) -> None:
    policy = RetryPolicy()
    assert policy.repeats(error, idempotent=False) is for_all
    assert policy.repeats(error, idempotent=True) is for_idempotent


@pytest.mark.parametrize(
    ("error", "attempt", "longest"),
    [
        (ConnectionLostError("reset"), 1, 0.25),
        (ConnectionLostError("reset"), 2, 0.5),
        (ConnectionLostError("reset"), 4, 2),
        (ConnectionLostError("reset"), 9, 20),
        (ConnectionLostError("reset"), 10_000, 20),
        (rate_limited(), 1, 1),
        (rate_limited(), 3, 4),
        (rate_limited(100), 1, 110),
        (rate_limited(119), 1, 120),
        (rate_limited(0), 1, 0),
    ],
)
def test_waits_are_drawn_below_a_ceiling_that_doubles(
    error: AiotaskError, attempt: int, longest: float
) -> None:
    assert RetryPolicy(jitter=lambda: 1.0).wait(error, attempt) == pytest.approx(longest)
    shortest = RetryPolicy(jitter=lambda: 0.0).wait(error, attempt)
    asked = error.retry_after if isinstance(error, RateLimitError) else None
    assert shortest == (asked or 0)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"attempts": 0}, "attempts must be at least 1"),
        ({"base": -1}, "base must be a number of seconds from 0"),
        ({"longest_wait": float("nan")}, "longest_wait must be a number of seconds from 0"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RetryPolicy(**settings)


REFUSED = "429 Too Many Requests"
LIST = answer(b'{"workspaces":[],"meta":{"key":"workspaces"}}')


async def test_a_call_waits_between_its_attempts_and_then_gives_up(serve: Serve) -> None:
    clock = Clock()
    server, client = await serve(answer(b"", "503 Busy"), retry=clock.policy())
    with pytest.raises(ServerError) as caught:
        await client.taskrouter.workspaces.list().all()
    assert clock.waits == [0.25, 0.5, 1, 2]
    assert (len(server.requests), caught.value.attempts) == (5, 5)


async def test_a_wait_that_is_asked_for_is_obeyed(serve: Serve) -> None:
    clock = Clock()
    await_100 = answer(b"", REFUSED, "Retry-After: 100")
    _, client = await serve(await_100, LIST, retry=clock.policy(jitter=lambda: 0.0))
    await client.taskrouter.workspaces.list().all()
    assert clock.waits == [100]


@pytest.mark.parametrize("asked", ["121", "1000000000", "Thu, 31 Dec 2099 23:59:59 GMT"])
async def test_a_wait_beyond_the_longest_fails_at_once(serve: Serve, asked: str) -> None:
    clock = Clock()
    server, client = await serve(
        answer(b"", REFUSED, f"Retry-After: {asked}"), LIST, retry=clock.policy()
    )
    with pytest.raises(RateLimitError) as caught:
        await client.taskrouter.workspaces.list().all()
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 120
    assert (clock.waits, len(server.requests)) == ([], 1)


async def test_no_wait_ends_after_the_deadline(serve: Serve) -> None:
    clock = Clock()
    server, client = await serve(
        answer(b"", REFUSED, "Retry-After: 40"), retry=clock.policy(deadline=100.0)
    )
    with pytest.raises(RateLimitError):
        await client.taskrouter.workspaces.list().all()
    assert clock.waits == [44, 44]
    assert len(server.requests) == 3


async def test_one_policy_serves_many_calls_that_fail_together(serve: Serve) -> None:
    policy = Clock().policy(attempts=100, longest_wait=0, deadline=1e9)
    server, client = await serve(*[answer(b"", REFUSED)] * 60, LIST, retry=policy)
    await asyncio.gather(*(client.taskrouter.workspaces.list().all() for _ in range(25)))
    assert len(server.requests) == 85
