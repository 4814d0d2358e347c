"""Shared clients, loops and connections: no call harms another."""

import asyncio
import gc
import itertools
import math
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import get_ident
from typing import Any

import msgspec
import pytest

from aiotask import AiotaskError, Client, ClientStateError, Created, RetryPolicy
from aiotask.sandbox import Sandbox
from tests.conftest import ACCOUNT, AT_ONCE, Clock, Cut, RawServer, Reaction, answer
from tests.hostile.calls import WORKSPACE
from tests.hostile.child_program import LEAVINGS, PROGRAM, ROWS, rows, started
from tests.hostile.scripted_calls import (
    CALLS,
    MANY,
    MISDIRECTED,
    NOT_REPEATED,
    REFUSED,
    Gate,
    Script,
    Serve,
    at_rest,
    elsewhere,
    tasks_of,
)
from tests.sweeps import sweep

ELSEWHERE = "belongs to another event loop"


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("name", CALLS)
async def test_who_calls_from_another_loop_is_told_at_once_and_nothing_is_sent(
    serve: Serve, name: str, *, waiting: bool
) -> None:
    script, gate, call = Script(), Gate(), CALLS[name]
    script.next += [REFUSED] * waiting
    senders = set()
    _, client = await serve(
        script, retry=gate.policy(), on_request=lambda *_: senders.add(get_ident())
    )
    own = asyncio.ensure_future(call(client))
    while not (gate.asleep or own.done()):
        await asyncio.sleep(0)
    with pytest.raises(ClientStateError, match=ELSEWHERE):
        await elsewhere(lambda: call(client))
    while not own.done():
        gate.jump(60)
        await asyncio.sleep(0)
    await own
    assert senders == {get_ident()}
    await at_rest(client)


@pytest.mark.parametrize("name", CALLS)
async def test_nothing_is_sent_before_entering_and_after_leaving(serve: Serve, name: str) -> None:
    server, client = await serve(Script())
    await client.close()
    with pytest.raises(ClientStateError, match="is closed"):
        await CALLS[name](client)
    fresh = Client(ACCOUNT, "token", base_url=server.url)
    with pytest.raises(ClientStateError, match="is not entered"):
        await CALLS[name](fresh)
    assert server.connections == 0
    async with client:
        await CALLS[name](client)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
async def test_nothing_is_sent_nor_closed_by_a_child_process(serve: Serve) -> None:
    server, client = await serve(Script())
    await CALLS["fetch"](client)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = []
        for call in (*CALLS.values(), Client.close):
            try:
                asyncio.new_event_loop().run_until_complete(call(client))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the parent hears of it
                told.append(f"{type(error).__name__}: {error}")
        os.write(writing, msgspec.json.encode(told))
        os._exit(0)
    os.waitpid(child, 0)  # noqa: ASYNC222 - the child ends by itself
    told = msgspec.json.decode(os.read(reading, 100_000))
    os.close(reading)
    os.close(writing)
    ours = [line for line in told if "ClientStateError" in line and "forked" in line]
    assert len(ours) == len(CALLS) + 1, told
    await CALLS["fetch"](client)
    assert server.connections == 1


async def test_who_waits_for_a_key_elsewhere_is_told_at_once(serve: Serve) -> None:
    _, client = await serve("hang")
    maker = asyncio.ensure_future(tasks_of(client).create(once="order_17"))
    while not client.counters.requests:
        await asyncio.sleep(0)
    with pytest.raises(ClientStateError, match=ELSEWHERE):
        await elsewhere(lambda: tasks_of(client).create(once="order_17"))
    maker.cancel()
    await asyncio.wait([maker])
    await at_rest(client)


async def test_a_job_elsewhere_does_not_touch_its_journal(serve: Serve, tmp_path: Path) -> None:
    _, client = await serve(Script())
    journal = tmp_path / "journal"
    with pytest.raises(ClientStateError, match=ELSEWHERE):
        await elsewhere(lambda: anext(tasks_of(client).create_many(rows(3), journal=journal)))
    assert not journal.exists()


BEGUN: dict[str, Callable[[Client], Any]] = {
    "items": lambda client: aiter(tasks_of(client).list(page_size=7)),
    "pages": lambda client: tasks_of(client).list(page_size=7).pages(),
    "create_many": lambda client: tasks_of(client).create_many(rows(9), max_in_flight=2),
}


@pytest.mark.parametrize("what", BEGUN)
async def test_what_began_in_one_loop_does_not_go_on_in_another(serve: Serve, what: str) -> None:
    _, client = await serve(Script())
    begun = BEGUN[what](client)
    await anext(begun)
    with pytest.raises(ClientStateError, match="another event loop"):
        await elsewhere(lambda: anext(begun))
    await at_rest(client)
    await CALLS["fetch"](client)


async def test_a_client_is_not_closed_from_another_loop(serve: Serve) -> None:
    _, client = await serve(Script())
    with pytest.raises(ClientStateError, match=ELSEWHERE):
        await elsewhere(client.close)
    with pytest.raises(ClientStateError, match="entered already"):
        await elsewhere(client.__aenter__)
    await CALLS["fetch"](client)


@pytest.mark.filterwarnings("ignore")  # what was in that loop cannot be closed any more
async def test_a_client_whose_loop_is_gone_can_be_closed_and_entered_again(serve: Serve) -> None:
    server, _ = await serve(Script())
    client = Client(ACCOUNT, "token", base_url=server.url)

    def leave() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(client.__aenter__())
        loop.run_until_complete(anext(tasks_of(client).list(page_size=7).pages()))
        loop.close()

    await asyncio.to_thread(leave)
    with pytest.raises(ClientStateError, match=ELSEWHERE):
        await CALLS["fetch"](client)
    await client.close()
    async with client:
        await CALLS["fetch"](client)
    gc.collect()


# What is under way when its client is closed: what the server does, and how many connections.
UNDER_WAY: dict[str, tuple[list[Reaction], int]] = {
    "at the service": (["hang"], 20),
    "behind another": (["hang"], 1),
    "before a repeat": ([MISDIRECTED, "hang"], 20),
    "in a lane": ([REFUSED, "hang"], 20),
}


@pytest.mark.parametrize("where", UNDER_WAY)
@pytest.mark.parametrize("name", CALLS)
async def test_a_client_that_is_closed_ends_what_is_under_way_with_an_error(
    serve: Serve, name: str, where: str
) -> None:
    reactions, most = UNDER_WAY[where]
    script, gate = Script(), Gate()
    script.next = reactions + UNDER_WAY["at the service"][0] * 20
    _, client = await serve(script, retry=gate.policy(), max_connections=most)
    calls = [asyncio.ensure_future(CALLS[name](client)) for _ in range(2)]
    while not (client.counters.requests if reactions == ["hang"] else gate.asleep):
        await asyncio.sleep(0)
    await client.close()
    while not all(call.done() for call in calls):
        gate.jump(60)
        await asyncio.sleep(0)
    for call in calls:
        assert isinstance(call.exception(), AiotaskError), call
    assert client._session.connections.slots._value == most


LARGE = b"{}" + b" " * 2**22
FAILURES = {
    "429": answer(LARGE, "429 Too Many Requests"),
    "421": answer(LARGE, "421 Misdirected Request"),
    "503": answer(LARGE, "503 Service Unavailable"),
    "not JSON": answer(b"<" * 2**22),
    "cut short": Cut(answer(LARGE)[:-9]),
}


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        (name, failure)
        for failure in FAILURES
        for name in CALLS
        if name != "create_many with keys"  # which has two under way
        and (failure in ("429", "421") or name not in NOT_REPEATED)
    ],
)
async def test_the_one_connection_is_free_before_a_call_waits_to_be_repeated(
    serve: Serve, name: str, failure: str
) -> None:
    found: set[tuple[int, int]] = set()
    script, clock = Script(), Clock()

    async def sleep(seconds: float) -> None:
        taken = client._session.connections.http.connector._acquired
        found.add((client._session.connections.slots._value, len(taken)))
        await client.taskrouter.workspaces.fetch(WORKSPACE)
        await clock.sleep(seconds)

    _, client = await serve(script, retry=clock.policy(sleep=sleep), max_connections=1)
    script.next = [FAILURES[failure]]
    await CALLS[name](client)
    assert found == {(1, 0)}


async def test_a_thousand_calls_share_a_policy_and_each_has_its_own_attempts(serve: Serve) -> None:
    asked: Counter[str] = Counter()

    def react(request: bytes) -> bytes:
        sid = request.split(b" ")[1].decode()[-34:]
        asked[sid] += 1
        good = asked[sid] > int(sid[2:]) % 6
        return answer(b'{"sid":"%b"}' % sid.encode()) if good else answer(b"{}", "500 Failed")

    policy = RetryPolicy(attempts=4, longest_wait=0)
    _, client = await serve(react, retry=policy)
    _, other = await serve(react, retry=policy)
    sids = [f"WT{number:032d}" for number in range(1000)]
    fetched = await asyncio.gather(
        *(tasks_of((client, other)[n % 2]).fetch(sid) for n, sid in enumerate(sids)),
        return_exceptions=True,
    )
    for number, (sid, found) in enumerate(zip(sids, fetched, strict=True)):
        failures = number % 6
        assert asked[sid] == min(failures + 1, 4)
        if failures < 4:
            assert getattr(found, "sid", found) == sid
        else:
            assert getattr(found, "attempts", found) == 4


@pytest.mark.parametrize("name", CALLS)
async def test_steps_of_the_wall_clock_change_no_wait(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    waits = []
    for steps in ([0.0], [3600.0, -7200.0, 3.2e8, -6.4e8]):
        wall = itertools.accumulate(itertools.cycle(steps), initial=1.8e9)
        monkeypatch.setattr("time.time", lambda wall=wall: next(wall))
        script, clock = Script(), Clock()
        _, client = await serve(script, retry=clock.policy())
        for _ in range(3):
            busy = answer(b"{}", "429 Too Many Requests", "Retry-After: 7")
            script.next = [REFUSED, busy, MISDIRECTED]
            await CALLS[name](client)
        waits.append(clock.waits)
    assert waits[0] == waits[1]
    assert sum(waits[0]) > 20


@pytest.mark.parametrize("many", MANY)
async def test_a_machine_that_stood_still_makes_up_for_nothing(serve: Serve, many: str) -> None:
    script, gate, refused = Script(), Gate(), many == "refused"
    script.next += [REFUSED] * 30 * refused
    _, client = await serve(script, retry=gate.policy())
    call, rate = asyncio.ensure_future(MANY[many][0](client)), MANY[many][1]
    began, before = math.inf, 0
    while not call.done():
        while not (call.done() or gate.asleep):
            await asyncio.sleep(0)
        sent = client.counters.requests
        assert began == math.inf or sent - before <= 2 + rate * (gate.now - began)
        if began == math.inf and sent >= 3:
            gate.jump(60)
            began, before = gate.now, sent
        elif gate.asleep:
            gate.tick()
    await call
    assert before < 30 * (1 + refused) == client.counters.requests


@pytest.mark.parametrize("what", LEAVINGS)
async def test_a_program_that_forgets_to_close_its_client_hears_of_that_alone(what: str) -> None:
    script = Script()
    left = 1

    def react(request: bytes) -> Any:
        nonlocal left
        left -= 1
        return script(request) if left >= 0 else b""

    async with RawServer(react) as server:
        program = await started("-X", "dev", PROGRAM, what, server.url)
        _, said = await program.communicate()
    for noise in (b"is closed", b"never awaited", b"destroyed", b"Exception ignored", b"Error"):
        assert noise not in said, said
    assert b"Unclosed client session" in said


@pytest.mark.parametrize(
    ("told", "signals"), sweep([(0, 1), (200, 1), (60, 2), (1, 1), (40, 1)], usual=3)
)
async def test_an_interrupted_program_leaves_a_journal_that_goes_on(
    tmp_path: Path, told: int, signals: int
) -> None:
    journal = str(tmp_path / "journal")
    async with Sandbox(expression_rate=None, latency=0.005) as sandbox:
        sid = sandbox.create_workspace("Support")
        account = (sandbox.account_sid, sandbox.auth_token)
        program = await started(PROGRAM, "create", sandbox.url, *account, sid, journal)
        assert program.stdout is not None
        while not sandbox.requests["POST Tasks"]:
            await asyncio.sleep(0.001)
        for _ in range(told):
            await program.stdout.readline()
        for _ in range(signals):
            program.send_signal(signal.SIGINT)
        _, said = await program.communicate()
        assert b"KeyboardInterrupt" in said
        assert b"Exception ignored" not in said or signals > 1
        assert told <= len(sandbox.tasks(sid)) < ROWS
        async with Client(*account, base_url=sandbox.url, retry=AT_ONCE) as client:
            tasks = client.taskrouter.workspace(sid).tasks
            job = tasks.create_many(rows(ROWS), journal=journal, settle=0.2)
            assert {type(outcome) async for outcome in job} == {Created}
            assert (await tasks.audit(journal)).in_order
        made = Counter(msgspec.json.decode(task.attributes)["n"] for task in sandbox.tasks(sid))
    assert made == Counter(range(ROWS))
