"""Large answers: read where the service may send them, in memory of the same order."""

import asyncio
import json
from typing import Any

import pytest

from aiotask import ResponseTooLargeError
from aiotask._transport import LARGE_AT_ONCE, LONGEST_ANSWER
from tests.conftest import answer
from tests.hostile.calls import SHOWN, TASK, WORKSPACE
from tests.hostile.injection_points import PLACES, Script, Serve, assert_lost, assert_usable, end_of

MIB = 2**20
LARGE = 3 * MIB


async def test_a_page_of_as_much_as_the_service_may_say_is_read(serve: Serve) -> None:
    text = "ж" * (4096 - len('{"t":""}'))
    row = {"sid": TASK, "attributes": json.dumps({"t": text}, ensure_ascii=False)}
    page = json.dumps({"tasks": [row] * 1000, "meta": {"key": "tasks"}}).encode()
    assert len(page) > 24_000_000
    _, client = await serve(answer(page))
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    found = await tasks.list(page_size=1000).all()
    assert [task.attributes for task in found] == [{"t": text}] * 1000


MANY: dict[str, bytes] = {
    "numbers": b"1,",
    "lists": b"[],",
    "objects": b'{"a":1},',
    "lists in lists": b"[" * 1000 + b"]" * 1000 + b",",
}


@pytest.mark.parametrize("values", MANY.values(), ids=MANY.keys())
@pytest.mark.parametrize("place", PLACES)
async def test_what_would_take_many_times_its_bytes_is_not_parsed(
    serve: Serve, place: str, values: bytes
) -> None:
    start, end = b'{"sid":"WT1","tasks":[', b'0],"meta":{"key":"tasks"}}'
    room = LONGEST_ANSWER - len(start) - len(end)
    script = Script(answer(start + values * (room // len(values)) + end))
    _, client = await serve(script)
    error = await end_of(place, client)
    assert_lost(error, place)
    assert isinstance(error, ResponseTooLargeError)
    assert "values" in str(error)
    await assert_usable(place, client, script)


async def test_of_what_is_large_only_so_much_is_read_at_a_time(serve: Serve) -> None:
    stuck, large, small = ("WT" + digit * 32 for digit in "123")
    answers = {
        stuck.encode(): answer(b" " * (LARGE + 1))[:-1],  # and the last byte never comes
        large.encode(): answer(SHOWN.ljust(LARGE)),
        small.encode(): answer(SHOWN),
    }
    asked: list[bytes] = []

    def react(request: bytes) -> bytes:
        asked.append(request.partition(b"Tasks/")[2][:34])
        return answers[asked[-1]]

    _, client = await serve(react)
    tasks = client.taskrouter.workspace(WORKSPACE).tasks

    async def later(sid: str) -> asyncio.Task[Any]:
        """Ask for a task, and let others be read so often that this one could be, too."""
        reading = asyncio.create_task(tasks.fetch(sid))
        while sid.encode() not in asked:
            await asyncio.sleep(0)
        for _ in range(100):
            await tasks.fetch(small)
        return reading

    reading = []
    for _ in range(LARGE_AT_ONCE):
        asked.clear()
        reading.append(await later(stuck))
    waiting = await later(large)
    assert not waiting.done()
    reading.pop().cancel()
    await waiting
    for each in reading:
        each.cancel()
    await asyncio.wait(reading)
