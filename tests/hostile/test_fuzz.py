"""Answers of noise: whatever comes, a call ends with a result or with an error of ours.

``FUZZ_EXAMPLES=5000`` in the environment makes more of it; ``benchmarks/fuzz_answers.py`` is the
campaign of a million.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiotask import (
    AiotaskError,
    Client,
    ProtocolError,
    RetryPolicy,
    StatusError,
    to_dict,
)
from aiotask.taskrouter import Tasks, Workflow
from tests.conftest import ACCOUNT, Clock, Cut, RawServer, answer
from tests.hostile.calls import ROW, SHOWN, TASK, VERBS, WORKSPACE, failure_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MISTAKEN = """
import email.utils, sys
import aiotask._retry
aiotask._retry._date = email.utils.parsedate_to_datetime
import fuzz_answers
sys.exit(fuzz_answers.main())
"""


def campaign(*words: object) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own, whose complaints are not heard here."""
    return subprocess.run(
        [sys.executable, *map(str, words), "--check"],
        cwd=BENCHMARKS,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.campaign
def test_a_thousand_hostile_answers_bring_up_nothing_foreign() -> None:
    done = campaign("fuzz_answers.py", "--answers", 1000, "--seed", 1)
    assert done.returncode == 0, done.stdout


def test_a_campaign_brings_up_a_mistake() -> None:
    done = campaign("-c", MISTAKEN, "--answers", 300)
    assert done.returncode == 1
    assert "ValueError: Invalid date value" in done.stdout


NAMES = st.sampled_from([
    "sid", "tasks", "meta", "key", "next_page_url", "attributes", "date_created", "links", "code",
    "message", "assignment_status", "priority", "task_queue_data", "cumulative", "realtime",
    "split_by_wait_time", "workspace_sid",
])  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["tasks", TASK, "OTHER/v1?a=1", "//OTHER", "?PageToken=1", "{", "2026-11-21"])
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
STATUSES = st.integers(0, 999) | st.sampled_from([200, 201, 204, 302, 404, 412, 429, 503])
LINES = st.lists(st.binary(max_size=30), max_size=4).map(b"\r\n".join)


def _said(status: int, lines: bytes, body: bytes, told: int) -> bytes:
    start = b"HTTP/1.1 %03d X\r\nContent-Length: %d\r\n" % (status, max(0, len(body) + told))
    return start + (lines + b"\r\n" if lines else b"") + b"\r\n" + body


NOISE = (
    st.binary(max_size=300).map(lambda noise: b"HTTP/1.1 200 OK\r\n" + noise)
    | st.binary(max_size=100)
    | st.builds(_said, STATUSES, LINES, st.binary(max_size=100), st.integers(-2, 2))
    | st.builds(_said, STATUSES, st.just(b""), DOCUMENTS.map(msgspec.json.encode), st.just(0))
)


class Place(NamedTuple):
    """A server that says anything, a client of it, and a server that nobody may go to."""

    server: RawServer
    other: RawServer
    client: Client


@pytest.fixture
async def place(serve: Callable[..., Any]) -> AsyncIterator[Place]:
    policy = Clock().policy(longest_wait=0, deadline=1e9)
    server, client = await serve(b"", retry=policy, timeout=0.5)
    async with RawServer(b"") as other:
        yield Place(server, other, client)
    gc.collect()


def show(result: Any) -> None:
    if isinstance(result, AiotaskError):
        assert str(pickle.loads(pickle.dumps(result))).encode() == str(result).encode()  # noqa: S301
    for each in result if isinstance(result, list) else [result]:
        if attrs.has(type(each)) and hasattr(each, "url"):
            msgspec.json.encode(to_dict(each))


def is_idle(client: Client) -> bool:
    session = client._session
    assert session.connections.http is not None
    connector: Any = session.connections.http.connector
    return (
        session.connections.slots._value == session.max_connections
        and not connector._acquired
        and not any(lane.in_flight for lane in session.connections.lanes.values())
    )


@pytest.mark.virtual_time
@pytest.mark.parametrize("verb", VERBS)
@settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", settings().max_examples // 2)),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(noise=NOISE)
async def test_noise_ends_a_call_with_an_error_of_ours_and_leaves_nothing_behind(
    place: Place, verb: str, noise: bytes
) -> None:
    server, other, client = place
    server.reactions = [Cut(noise.replace(b"OTHER", other.url.encode()))]
    try:
        show(await VERBS[verb].call(client))
    except AiotaskError as error:
        show(error)
    assert is_idle(client)
    # The connection may turn out to be closed by now, and a create is not sent again.
    again = VERBS[verb if VERBS[verb].idempotent else "fetch"]
    server.reactions = [again.good]
    await again.call(client)
    assert not other.connections
    server.requests.clear()


# What campaigns have brought up.


TOO_LARGE = [
    "Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 +99999999999999",
    "1 Jan 2026 99999999999999999999:00:00 GMT",
]


@pytest.mark.parametrize("date", TOO_LARGE)
@pytest.mark.parametrize("status", ["429 Too Many", "503 Away", "404 Not Found"])
async def test_a_date_that_no_calendar_has_is_no_time_to_wait(
    serve: Callable[..., Any], date: str, status: str
) -> None:
    refusal = answer(b"{}", status, f"Retry-After: {date}", f"Date: {date}")
    _, client = await serve(refusal, retry=RetryPolicy(attempts=1))
    error = await failure_of("fetch", client)
    assert isinstance(error, StatusError)
    assert error.retry_after is None


async def test_an_answer_after_a_long_silence_ends_a_row_of_refusals(
    serve: Callable[..., Any],
) -> None:
    clock = Clock()

    def slowly(_: bytes) -> bytes:
        clock.now += 3
        return answer(SHOWN)

    refused = answer(b"{}", "429 Too Many Requests", "Retry-After: 1")
    server, client = await serve(refused, refused, slowly, retry=clock.policy())
    task = await client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    assert (task.sid, len(server.requests)) == (TASK, 2)
    assert is_idle(client)


@pytest.mark.parametrize(
    "row", [{"configuration": "no JSON"}, {"date_created": "21 Nov 2026 1:00"}]
)
async def test_an_etag_that_nobody_asked_for_does_no_harm(
    serve: Callable[..., Any], row: dict[str, str]
) -> None:
    body = msgspec.json.encode({"sid": "WW" + "4" * 32, **row})
    _, client = await serve(answer(body, "200 OK", 'ETag: "3"'))
    workflow = await client.taskrouter.workspace(WORKSPACE).workflows.fetch("WW" + "4" * 32)
    assert isinstance(workflow, Workflow)


def page(*rows: dict[str, Any]) -> bytes:
    return answer(msgspec.json.encode({"tasks": rows, "meta": {"key": "tasks"}}))


def _tasks(client: Client) -> Tasks:
    return client.taskrouter.workspace(WORKSPACE).tasks


@pytest.mark.parametrize("attributes", ['{"aiotask_key":"a"}', None])
async def test_a_task_with_a_sid_that_is_none_is_not_taken_for_the_one_with_a_key(
    serve: Callable[..., Any], attributes: str | None
) -> None:
    server, client = await serve(page({"sid": "../Workers", "attributes": attributes}))
    with pytest.raises(ProtocolError, match="another sid than documented"):
        await _tasks(client).create(once="a", **ROW)
    assert len(server.requests) == 1
    right = page({"sid": TASK, "attributes": '{"aiotask_key":"a"}'})
    server.reactions = [b"", right, answer(SHOWN)]
    assert (await _tasks(client).create(once="a", **ROW)).sid == TASK


async def test_a_policy_without_a_deadline_is_good_for_what_is_made_once(
    serve: Callable[..., Any],
) -> None:
    right = page({"sid": TASK, "attributes": '{"aiotask_key":"a"}'})
    policy = RetryPolicy(deadline=float("inf"))
    _, client = await serve(right, answer(SHOWN), retry=policy)
    assert (await _tasks(client).create(once="a", **ROW)).sid == TASK


DEEP = "[" * 300 + "]" * 300


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("date_created", '"0001-01-01T00:00:00+14:00"'),
        ("date_updated", '"9999-12-31T23:59:59-14:00"'),
        ("attributes", f'"{DEEP}"'),
        ("addons", msgspec.json.encode('{"a":' * 255 + "1" + "}" * 255).decode()),
        ("links", f'{{"task":{DEEP},"workflow":"https://example.com","task_queue":null}}'),
    ],
)
async def test_what_can_be_read_can_be_written(
    serve: Callable[..., Any], name: str, value: str
) -> None:
    _, client = await serve(answer(f'{{"sid":"{TASK}","{name}":{value}}}'.encode()))
    task = await _tasks(client).fetch(TASK)
    told = msgspec.json.decode(msgspec.json.encode(to_dict(task)))
    read = msgspec.json.decode(value)
    if name == "links":  # what is nested is none
        del read["task"]
    assert told[name] == read


async def test_details_of_an_error_can_be_pickled_however_deeply_they_are_nested(
    serve: Callable[..., Any],
) -> None:
    body = b'{"message":"Deep","details":' + b'{"a":' * 1000 + b"1" + b"}" * 1001
    _, client = await serve(answer(body, "404 Not Found"))
    show(await failure_of("fetch", client))


async def test_a_header_of_noise_can_be_shown(serve: Callable[..., Any]) -> None:
    noise = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: \xc8\xff\r\n\r\n{"
    _, client = await serve(noise, retry=RetryPolicy(attempts=1))
    error = await failure_of("fetch", client)
    assert str(error).encode()
    assert ACCOUNT not in str(error)
