"""A clock or a sleep that is replaced without the other: no call spins, and none hangs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiotask import Client, RetryPolicy
from aiotask._slept_clock import SleptClock
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import WorkspaceContext

Call = Callable[[WorkspaceContext], Awaitable[object]]

HANDFUL = 30
SOON = 30.0  # real seconds, in which every call ends on any machine
ROWS = 20
SETTLE = 0.2


async def fetched(workspace: WorkspaceContext) -> None:
    (task,) = await workspace.tasks.list(limit=1).all()
    await workspace.tasks.fetch(task.sid)


async def created(workspace: WorkspaceContext) -> None:
    await workspace.tasks.create(attributes={})


async def listed(workspace: WorkspaceContext) -> None:
    await workspace.tasks.list().all()


async def listed_by_expression(workspace: WorkspaceContext) -> None:
    for _ in range(4):
        await workspace.tasks.list(evaluate_task_attributes="a == 1").all()


async def created_once(workspace: WorkspaceContext) -> None:
    await workspace.tasks.create(once="order_17", settle=SETTLE, attributes={})


async def created_many(workspace: WorkspaceContext) -> None:
    rows: list[Any] = [{"attributes": {"n": n}} for n in range(ROWS)]
    made = [each async for each in workspace.tasks.create_many(rows, settle=SETTLE)]
    assert len(made) == ROWS


async def created_at_a_rate(workspace: WorkspaceContext) -> None:
    rows: list[Any] = [{}] * 5
    made = workspace.tasks.create_many(rows, settle=SETTLE, max_rate=10)
    assert len([each async for each in made]) == len(rows)


CALLS: dict[str, tuple[Call, str, str]] = {
    "fetch": (fetched, "GET", "/Tasks/"),
    "create": (created, "POST", "/Tasks"),
    "list": (listed, "GET", "/Tasks"),
    "list by expression": (listed_by_expression, "GET", "/Tasks"),
    "create(once=)": (created_once, "POST", "/Tasks"),
    "create_many": (created_many, "POST", "/Tasks"),
    "create_many at a rate": (created_at_a_rate, "POST", "/Tasks"),
}
LOSSES = ["create(once=)", "create_many", "create_many at a rate"]


@asynccontextmanager
async def workspace_with(
    policy: RetryPolicy, **settings: Any
) -> AsyncIterator[tuple[Sandbox, WorkspaceContext]]:
    async with Sandbox(expression_rate=None, **settings) as sandbox:
        account, token = sandbox.account_sid, sandbox.auth_token
        async with Client(account, token, base_url=sandbox.url, retry=policy) as client:
            workspace = client.taskrouter.workspace(sandbox.create_workspace("x", template="FIFO"))
            await workspace.tasks.create(attributes={})
            yield sandbox, workspace


class Slept:
    """A sleep that takes no time; *turns* is how often the loop goes round meanwhile."""

    def __init__(self, turns: int) -> None:
        self.asked: list[float] = []
        self._turns = turns

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        assert len(self.asked) < 10_000, "it spins"
        for _ in range(self._turns):
            await asyncio.sleep(0)


class Counted:
    """A sleep of a hundredth of the time that is asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        assert len(self.asked) < 1000, "it spins"
        await asyncio.sleep(seconds / 100)


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("name", CALLS)
async def test_a_sleep_that_takes_no_time_is_asked_a_handful_of_times(
    name: str, turns: int
) -> None:
    call, method, path = CALLS[name]
    sleep = Slept(turns)
    async with workspace_with(RetryPolicy(sleep=sleep), retry_after=1) as (sandbox, workspace):
        sandbox.faults.next(method, path, "before_429")
        async with asyncio.timeout(SOON):
            await call(workspace)
        assert sandbox.injected["before_429"] == 1
    assert 1 <= len(sleep.asked) <= HANDFUL


@pytest.mark.parametrize("kind", ["after_reset", "before_reset"])
@pytest.mark.parametrize("name", LOSSES)
async def test_what_is_waited_for_after_a_loss_counts_as_waited(name: str, kind: FaultKind) -> None:
    call, method, path = CALLS[name]
    sleep = Slept(1)
    async with workspace_with(RetryPolicy(sleep=sleep)) as (sandbox, workspace):
        sandbox.faults.next(method, path, kind)
        async with asyncio.timeout(SOON):
            await call(workspace)
        assert sandbox.injected[kind] == 1
    assert 1 <= len(sleep.asked) <= HANDFUL


@pytest.mark.parametrize("turns", [0, 1])
async def test_an_outage_is_over_at_once_for_who_does_not_sleep(turns: int) -> None:
    sleep = Slept(turns)
    async with workspace_with(RetryPolicy(sleep=sleep)) as (sandbox, workspace):
        for _ in range(30):
            sandbox.faults.next("POST", "/Tasks", "before_503")
        async with asyncio.timeout(SOON):
            await created_many(workspace)
        assert sandbox.injected["before_503"] == 30
    assert 1 <= len(sleep.asked) <= 10 * HANDFUL


@pytest.mark.parametrize("name", CALLS)
async def test_a_clock_that_stands_still_stops_nothing(name: str) -> None:
    call, method, path = CALLS[name]
    sleep = Counted()
    policy = RetryPolicy(clock=lambda: 1000.0, sleep=sleep)
    async with workspace_with(policy, retry_after=1) as (sandbox, workspace):
        sandbox.faults.next(method, path, "before_429")
        async with asyncio.timeout(SOON):
            await call(workspace)
    assert 1 <= len(sleep.asked) <= HANDFUL


@pytest.mark.parametrize("name", CALLS)
async def test_with_a_clock_that_stands_still_the_real_sleep_ends_every_wait(name: str) -> None:
    call, method, path = CALLS[name]
    policy = RetryPolicy(clock=lambda: 1000.0, throttled_base=0.05)
    async with workspace_with(policy) as (sandbox, workspace):
        sandbox.faults.next(method, path, "before_429")
        if name in LOSSES:
            sandbox.faults.next(method, path, "after_reset")
        async with asyncio.timeout(SOON):
            await call(workspace)


async def test_a_deadline_passes_on_a_clock_that_stands_still() -> None:
    sleep = Slept(1)
    policy = RetryPolicy(clock=lambda: 1.0, sleep=sleep, attempts=1000, jitter=lambda: 1.0)
    async with workspace_with(policy) as (sandbox, workspace):
        sandbox.faults.outage = "before_503"
        with pytest.raises(Exception, match="503"):
            await workspace.tasks.list().all()
    assert 100 < sum(sleep.asked) <= policy.deadline


async def test_sleeps_at_the_same_time_pass_at_the_same_time() -> None:
    clock = SleptClock(lambda: 5.0, Slept(1))
    await asyncio.gather(clock.sleep(2), clock.sleep(3), clock.sleep(1), clock.sleep(3))
    assert clock() == 8
    await clock.sleep(0)
    assert clock() == 8


async def test_a_sleep_that_moves_its_clock_is_left_as_it_is() -> None:
    now = [5.0]

    async def sleep(seconds: float) -> None:
        now[0] += 2 * seconds

    clock = SleptClock(lambda: now[0], sleep)
    await clock.sleep(3)
    assert clock() == now[0] == 11


@pytest.mark.parametrize("begin", [0.0, 1.8e9])
async def test_a_wait_until_a_moment_ends_however_little_is_left(begin: float) -> None:
    sleep = Slept(0)
    clock = SleptClock(lambda: begin, sleep)
    until = clock() + 0.1
    while (left := until - clock()) > 0:
        await clock.sleep(min(left, 0.03))
    assert len(sleep.asked) <= 6


def test_the_policy_of_everyday_is_used_as_it_is() -> None:
    policy = RetryPolicy(attempts=3)
    assert policy.steady() is policy
