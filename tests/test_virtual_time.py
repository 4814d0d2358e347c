"""Virtual time: the loop that tests of waits run on."""

import asyncio
import time

import pytest

from tests.virtual_time import LoopClock, VirtualTimeLoop, until

pytestmark = pytest.mark.virtual_time

DAY = 86_400.0


async def test_time_passes_only_by_waiting_for_it() -> None:
    clock = LoopClock()
    began = clock()
    time.sleep(0.01)  # noqa: ASYNC251 - a machine that is busy with something else
    assert clock() == began
    await asyncio.sleep(DAY)
    assert clock() - began == pytest.approx(DAY, rel=1e-6)


async def test_timers_come_in_their_order() -> None:
    came: list[float] = []
    loop = asyncio.get_running_loop()
    for delay in (3 * DAY, DAY, 2 * DAY):
        loop.call_later(delay, came.append, delay)
    await asyncio.sleep(4 * DAY)
    assert came == [DAY, 2 * DAY, 3 * DAY]


async def test_whatever_is_on_its_way_comes_before_the_next_timer() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()
        await writer.wait_closed()
        closed.set()

    closed = asyncio.Event()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for number in range(1000):
            writer.write(b"%d\n" % number)
            async with asyncio.timeout(0.1):
                assert await reader.readline() == b"%d\n" % number
        writer.close()
        await closed.wait()


async def test_a_thread_is_waited_for_while_time_stands_still() -> None:
    began = LoopClock().passed
    async with asyncio.timeout(1):
        await asyncio.to_thread(time.sleep, 0.05)
    assert LoopClock().passed - began < 0.05


async def test_a_condition_is_waited_for() -> None:
    done: list[int] = []
    asyncio.get_running_loop().call_later(DAY / 24, done.append, 1)
    await until(lambda: done)
    assert LoopClock().passed == pytest.approx(DAY / 24, rel=0.1)


def test_a_loop_that_nothing_can_wake_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.virtual_time.STUCK", 0.01)
    with (
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
        pytest.raises(RuntimeError, match="waits for nothing that could come"),
    ):
        runner.run(asyncio.Event().wait())
