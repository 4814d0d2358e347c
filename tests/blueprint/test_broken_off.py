"""Application that is broken off, that loses answers, and that others interfere with."""

from collections.abc import Callable
from typing import Any, cast

import pytest

import aiotask
from aiotask import Client, RetryPolicy
from aiotask.blueprint import apply, export
from aiotask.sandbox import FaultKind, Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.blueprint.documents import SUPPORT, empty, filled, opened, writes
from tests.conftest import AT_ONCE

ONCE = RetryPolicy(attempts=1, longest_wait=0)
# What is there is created, changed and deleted.
OTHERS = {
    "activities": [{"friendly_name": "Old", "available": True}],
    "task_queues": [
        {"friendly_name": "Spanish", "target_workers": "1==2"},
        {"friendly_name": "Old", "assignment_activity_sid": "Old"},
    ],
    "workflows": [
        {
            "friendly_name": name,
            "configuration": {"task_routing": {"default_filter": {"queue": "Old"}}},
        }
        for name in ("Main", "Old")
    ],
    "workers": [
        {"friendly_name": "Ana", "attributes": {"languages": []}, "channels": {"voice": 7}},
        {"friendly_name": "Old"},
    ],
}
KEPT = [
    {"friendly_name": "Available", "available": True},
    {"friendly_name": "Offline", "available": False},
    {"friendly_name": "Unavailable", "available": False},
]
VOICE = {"friendly_name": "Voice", "unique_name": "voice"}
WANTED = {
    **SUPPORT,
    "activities": KEPT + SUPPORT["activities"],
    "task_channels": [VOICE, *SUPPORT["task_channels"]],
}


class Breaking:
    """Breaks a client's requests from one on, counted from 1."""

    def __init__(self, sandbox: Sandbox, kind: FaultKind) -> None:
        self._sandbox = sandbox
        self._kind = kind
        self.left: int | None = None
        self.seen = 0

    def __call__(self, _method: str, _url: str) -> None:
        self.seen += 1
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                self._sandbox.faults.outage = self._kind


async def applied(workspace: WorkspaceContext, **settings: Any) -> list[str]:
    return [str(change) async for change in apply(workspace, WANTED, **settings)]


@pytest.mark.parametrize("kind", ["before_reset", "after_reset", "after_500"])
async def test_broken_off_at_any_request_it_goes_on(sandbox: Sandbox, kind: FaultKind) -> None:
    breaking = Breaking(sandbox, kind)
    async with opened(sandbox, ONCE, on_request=breaking) as client:
        whole = filled(sandbox, client, OTHERS)
        await applied(whole, prune=True, retry=ONCE)
        wanted, requests = await export(whole, workers=True), breaking.seen
        for number in range(1, requests):
            workspace = filled(sandbox, client, OTHERS)
            breaking.left = number
            try:
                await applied(workspace, prune=True, retry=ONCE)
            except aiotask.AiotaskError:
                pass
            else:  # a look for a lost answer is a request more, and there may be others less
                assert sandbox.faults.outage is None
            breaking.left = sandbox.faults.outage = None
            await applied(workspace, prune=True, retry=ONCE)
            assert await export(workspace, workers=True) == wanted
            before = writes(sandbox)
            assert await applied(workspace, prune=True) == []
            assert writes(sandbox) == before


CREATES = ["Activities", "TaskChannels", "TaskQueues", "Workflows", "Workers"]


@pytest.mark.parametrize("path", CREATES)
@pytest.mark.parametrize("kind", ["after_reset", "after_no_sid", "before_reset", "before_500"])
async def test_a_create_whose_answer_is_lost_is_settled_by_name(
    sandbox: Sandbox, client: Client, path: str, kind: FaultKind
) -> None:
    workspace = empty(sandbox, client)
    sandbox.faults.next("POST", f"/{path}", kind)
    changes = await applied(workspace, retry=AT_ONCE)
    assert sandbox.injected == {kind: 1}
    assert len(changes) == len({change.partition(":")[0] for change in changes})
    document = await export(workspace, workers=True)  # which has no name twice
    assert document == await export(filled(sandbox, client, WANTED), workers=True)
    extra = kind.startswith("before")
    made = sum(len(rows) for rows in SUPPORT.values())
    assert sandbox.requests[f"POST {path}"] == len(cast("Any", SUPPORT)[_key(path)]) + extra
    assert len(changes) == made


def _key(path: str) -> str:
    return {"TaskChannels": "task_channels", "TaskQueues": "task_queues"}.get(path, path.lower())


async def test_a_create_that_stays_lost_is_an_error_after_so_many_attempts(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    for _ in range(3):
        sandbox.faults.next("POST", "/TaskQueues", "before_reset")
    with pytest.raises(aiotask.ConnectionLostError):
        await applied(workspace, retry=RetryPolicy(attempts=3, longest_wait=0))
    assert sandbox.requests["POST TaskQueues"] == 3


async def test_before_another_attempt_it_waits_and_looks_again(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    waits: list[float] = []

    async def made_late(seconds: float) -> None:
        waits.append(seconds)
        await workspace.task_queues.create(friendly_name="Everyone", target_workers="1==2")

    sandbox.faults.next("POST", "/TaskQueues", "before_reset")
    await applied(workspace, retry=RetryPolicy(sleep=made_late, jitter=lambda: 1.0))
    assert waits == [0.25]
    (queue,) = await workspace.task_queues.list(friendly_name="Everyone").all()
    # It was another's, so that it is changed into what the document says.
    assert (queue.target_workers, queue.task_order) == ("1==1", "LIFO")


@pytest.mark.parametrize("path", ["Activities", "TaskQueues"])
async def test_an_attempt_that_is_carried_out_late_makes_no_second_one(
    sandbox: Sandbox, path: str
) -> None:
    late: list[None] = []

    def requested(method: str, url: str) -> None:
        if method == "POST" and url.endswith(f"/{path}"):
            late.append(None)
            if len(late) == 2:
                (stores,) = [each.stores for each in sandbox._service.workspaces]
                if path == "Activities":
                    stores.activities.new({"friendly_name": "Lunch {long}", "available": False})
                else:
                    stores.queues.new({"friendly_name": "Everyone", "target_workers": "1==2"})

    async with opened(sandbox, on_request=requested) as client:
        workspace = empty(sandbox, client)
        sandbox.faults.next("POST", f"/{path}", "before_reset")
        await applied(workspace, retry=AT_ONCE)
        document = await export(workspace, workers=True)  # which has no name twice
        assert document == await export(filled(sandbox, client, WANTED), workers=True)


async def test_a_name_that_was_taken_meanwhile_is_no_error(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    changes = apply(workspace, WANTED)
    await anext(changes)
    await workspace.workers.create(friendly_name="bob", attributes={"level": 7})
    assert len([change async for change in changes]) == 10
    (bob,) = [each async for each in workspace.workers.list() if each.friendly_name == "Bob"]
    assert bob.attributes == {"level": 2}


async def test_a_refused_create_is_an_error_at_once(sandbox: Sandbox, client: Client) -> None:
    workspace = empty(sandbox, client)
    queues = [{"friendly_name": "Wrong", "target_workers": "a =="}]
    with pytest.raises(aiotask.BadRequestError, match="Invalid TargetWorkers"):
        _ = [change async for change in apply(workspace, {"task_queues": queues})]
    assert sandbox.requests["POST TaskQueues"] == 1


async def test_a_worker_is_changed_under_its_etag(sandbox: Sandbox) -> None:
    interfere: list[Callable[[], None]] = []

    def requested(method: str, url: str) -> None:
        if method == "POST" and "/Workers/WK" in url and interfere:
            interfere.pop()()

    async with opened(sandbox, on_request=requested) as client:
        ana = {"friendly_name": "Ana", "attributes": {"level": 1}}
        workspace = filled(sandbox, client, {"workers": [ana]})
        (worker,) = await workspace.workers.list().all()
        (stores,) = [each.stores for each in sandbox._service.workspaces]
        (stored,) = stores.workers
        interfere.append(lambda: stores.workers.change(stored, {"attributes": "{}", "decoded": {}}))
        wanted = [{"friendly_name": "Ana", "attributes": {"level": 2}}]
        assert len([each async for each in apply(workspace, {"workers": wanted})]) == 1
        assert sandbox.answers[412] == 1
        assert (await workspace.workers.fetch(worker.sid)).attributes == {"level": 2}


async def test_who_leaves_the_iteration_stops_the_application(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    changes = apply(workspace, WANTED)
    async for _ in changes:
        break
    await changes.aclose()
    assert writes(sandbox) == 1
