"""Routing, time, callbacks and the store, each beside the others."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from aiotask.sandbox import Sandbox
from tests.sandbox.receiver import receiving
from tests.sandbox.sandbox_api import Clock
from tests.sandbox.stored_sandbox import kept

HELD: dict[str, Any] = {
    "Support": {
        "template": "FIFO",
        "workers": [{"friendly_name": "Ana", "activity_sid": "Available"}],
        "tasks": [{"attributes": {"n": 1}}, {"attributes": {"n": 2}}],
    }
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.db"


async def accepting(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"instruction": "accept"})


def path_of(resource: dict[str, Any]) -> str:
    url: str = resource["url"]
    return urlsplit(url).path


def statuses(sandbox: Sandbox) -> list[str]:
    return [task["assignment_status"] for task in sandbox.snapshot()["Support"]["tasks"]]


async def test_routing_goes_on_after_a_restart(store: Path) -> None:
    clock = Clock()
    async with kept(store, clock) as api:
        api.sandbox.fill(HELD)
        assert statuses(api.sandbox) == ["reserved", "pending"]
    async with kept(store, clock) as api:
        assert statuses(api.sandbox) == ["reserved", "pending"]
        held = api.sandbox.snapshot()["Support"]
        (reservation,) = held["tasks"][0]["reservations"]
        for status in ("accepted", "completed"):
            await api("POST", path_of(reservation), ReservationStatus=status)
        assert statuses(api.sandbox) == ["completed", "reserved"]


async def test_what_falls_due_while_nobody_serves_is_done_at_the_next_start(store: Path) -> None:
    clock = Clock()
    async with kept(store, clock) as api:
        api.sandbox.fill(HELD)
    clock.now += 130  # a reservation is good for 120 seconds
    async with kept(store, clock) as api:
        first = api.sandbox.snapshot()["Support"]["tasks"][0]
        assert [each["reservation_status"] for each in first["reservations"]] == ["timeout"]
        assert first["assignment_status"] == "pending"
        await api.sandbox.advance(hours=25)
        assert api.sandbox.snapshot()["Support"]["tasks"] == []
    clock.now += 25 * 3600
    async with kept(store, clock) as api:
        assert api.sandbox.snapshot()["Support"]["tasks"] == []


async def test_a_sandbox_that_starts_again_has_each_timer_once(store: Path) -> None:
    clock = Clock()
    sandbox = Sandbox(store=store, clock=clock)
    for _ in range(2):
        async with sandbox:
            if "Support" not in sandbox.snapshot():
                sandbox.fill(HELD)
            assert statuses(sandbox) == ["reserved", "pending"]
    async with sandbox:
        await sandbox.advance(seconds=121)
        events = [
            event.type
            for _, event in sandbox._workspace(sandbox.workspaces[0]).stores.log.oldest_first()
        ]
        assert events.count("reservation.timeout") == 1


async def test_routing_asks_where_to_and_the_answer_is_saved(store: Path) -> None:
    clock = Clock()
    async with kept(store, clock) as api, receiving(api.sandbox) as receiver:
        receiver.answers["/assigned"] = accepting
        api.sandbox.fill({"Support": {**HELD["Support"], "tasks": []}})
        (workflow,) = api.sandbox.snapshot()["Support"]["workflows"]
        url = receiver.url("/assigned")
        await api("POST", path_of(workflow), AssignmentCallbackUrl=url)
        await api("POST", path_of(workflow).rpartition("/Workflows")[0] + "/Tasks")
        await api.sandbox.callbacks_sent()
        assert statuses(api.sandbox) == ["assigned"]
        assert api.sandbox.callbacks["assignment answered"] == 1
    async with kept(store, clock) as api:
        assert statuses(api.sandbox) == ["assigned"]
