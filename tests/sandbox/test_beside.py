"""Pages beside the API, the door for who watches, and what a sandbox keeps to be looked at."""

import aiohttp
import pytest
from aiohttp import web

from aiotask import Client
from aiotask.errors import AiotaskError, RateLimitError
from aiotask.sandbox import ContentsError, Prospect, Sandbox
from tests.conftest import AT_ONCE


class Page:
    """A page at one path."""

    def takes(self, request: web.BaseRequest) -> bool:
        return request.path == "/page"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=f"a page for {request.method}")


def client_of(sandbox: Sandbox, url: str) -> Client:
    return Client(sandbox.account_sid, sandbox.auth_token, base_url=url, retry=AT_ONCE)


async def test_pages_stand_beside_the_api_outside_of_faults_limits_and_counts() -> None:
    async with Sandbox(in_flight=1, rate=1, faults=1.0, fault_kinds=["before_503"]) as sandbox:
        sandbox.put_beside(Page())
        async with aiohttp.ClientSession(sandbox.url) as session:
            for _ in range(3):
                async with session.get("/page") as answer:
                    assert (answer.status, await answer.text()) == (200, "a page for GET")
            assert sandbox.requests.total() == sandbox.injected.total() == 0
            async with session.get("/pages") as answer:
                assert answer.status == 503
        assert sandbox.requests.total() == sandbox.injected.total() == 1


async def test_the_side_door_answers_without_limits_and_faults_and_uncounted() -> None:
    async with Sandbox(rate=1, faults=1.0, fault_kinds=["before_500"], latency=3600) as sandbox:
        sid = sandbox.create_workspace("Support")
        door = await sandbox.open_side_door()
        async with client_of(sandbox, door) as client:
            for _ in range(5):
                (workspace,) = await client.taskrouter.workspaces.list().all()
        assert workspace.sid == sid
        assert sandbox.requests.total() == sandbox.answers.total() == 0
    async with client_of(sandbox, door) as client:
        with pytest.raises(AiotaskError):
            await client.taskrouter.workspaces.list().all()  # it is closed with the sandbox


async def test_the_side_door_does_not_change_what_a_seed_gives() -> None:
    made = []
    for watched in (True, False):
        async with Sandbox(seed=3, clock=lambda: 1e9) as sandbox:
            sid = sandbox.create_workspace("Support")
            if watched:
                async with client_of(sandbox, await sandbox.open_side_door()) as client:
                    await client.taskrouter.workspaces.list().all()
            made.append((sid, sandbox.create_task(sid, {"attributes": {}})))
    assert made[0] == made[1]


async def test_requests_are_kept_once_somebody_may_look_at_them() -> None:
    async with Sandbox(clock=lambda: 1e9, rate=1000) as sandbox:
        sid = sandbox.create_workspace("Support")
        async with client_of(sandbox, sandbox.url) as client:
            await client.taskrouter.workspaces.fetch(sid)
            assert not sandbox.exchanges
            sandbox.put_beside(Page())
            await client.taskrouter.workspaces.list(page_size=3).all()
            sandbox.faults.outage = "before_429"
            with pytest.raises(RateLimitError):
                await client.taskrouter.workspaces.fetch(sid)
        first, last = sandbox.exchanges[0], sandbox.exchanges[-1]
        assert first[:4] == (10**9, "GET", "/v1/Workspaces?PageSize=3", 200)
        assert (first.fault, first.seconds > 0) == (None, True)
        assert (last.path, last.status) == (f"/v1/Workspaces/{sid}", 429)
        assert last.fault == "before_429"
        assert sandbox.exchanges.maxlen == 1000


async def test_a_request_whose_client_has_left_is_kept_without_a_status() -> None:
    async with Sandbox() as sandbox:
        sandbox.put_beside(Page())
        sandbox.faults.outage = "before_hang"
        async with aiohttp.ClientSession(sandbox.url) as session:
            with pytest.raises(TimeoutError):
                await session.get("/v1/Workspaces", timeout=aiohttp.ClientTimeout(total=0.05))
        await sandbox.close()
        (kept,) = sandbox.exchanges
    assert (kept.method, kept.fault) == ("GET", "before_hang")


def test_what_does_not_serve_has_no_pages() -> None:
    with pytest.raises(RuntimeError, match="is not serving"):
        Sandbox().put_beside(Page())


CONTENTS = {
    "task_queues": [
        {"friendly_name": "Spanish", "target_workers": 'languages HAS "es"'},
        {"friendly_name": "Others"},
    ],
    "workflows": [
        {
            "friendly_name": "All",
            "configuration": {
                "task_routing": {
                    "filters": [
                        {
                            "expression": 'language == "es"',
                            "targets": [
                                {
                                    "queue": "Spanish",
                                    "expression": "worker.level > 1",
                                    "order_by": "worker.level DESC",
                                },
                                {"queue": "Others", "known_worker_friendly_name": "task.own"},
                            ],
                        }
                    ],
                    "default_filter": {"queue": "Others"},
                }
            },
        }
    ],
    "workers": [
        {
            "friendly_name": name,
            "activity_sid": activity,
            "attributes": {"languages": ["es"], "level": level},
        }
        for name, activity, level in (
            ("Ana", "Available", 2),
            ("Ben", "Available", 1),
            ("Eva", "Available", 3),
            ("Leo", "Offline", 9),
        )
    ],
}


def test_the_outlook_of_a_task_has_its_targets_and_who_could_take_it() -> None:
    sandbox = Sandbox()
    sandbox.fill(CONTENTS)
    (sid,) = sandbox.workspaces
    attributes = {"language": "es", "own": "ben"}
    outlook = sandbox.outlook(sandbox.create_task(sid, {"attributes": attributes}))
    assert outlook[:5] == ("reserved", None, 0, "Spanish", "Eva")
    assert outlook.prospects == (
        Prospect(0, 0, "Spanish", ("Leo", "Eva", "Ana"), ("Eva", "Ana")),
        Prospect(0, 1, "Others", ("Ben",), ("Ben",)),
    )
    second = sandbox.outlook(sandbox.create_task(sid, {"attributes": attributes, "priority": 7}))
    assert (second.worker, second.priority) == ("Ana", 7)
    assert second.prospects[0].free == ("Ana",)


def test_the_outlook_by_the_default_filter_and_by_none() -> None:
    sandbox = Sandbox()
    sandbox.fill(CONTENTS)
    (sid,) = sandbox.workspaces
    outlook = sandbox.outlook(sandbox.create_task(sid, {"attributes": {}}))
    (prospect,) = outlook.prospects
    assert (prospect.rule, prospect.step, prospect.queue) == (-1, 0, "Others")
    assert set(prospect.workers) == {"Ana", "Ben", "Eva", "Leo"}
    routing = CONTENTS["workflows"][0]["configuration"]["task_routing"]  # type: ignore[index]
    workflow = {"friendly_name": "All", "configuration": {"task_routing": {**routing}}}
    del workflow["configuration"]["task_routing"]["default_filter"]  # type: ignore[index]
    strict = Sandbox()
    strict.fill({**CONTENTS, "workflows": [workflow]})
    (sid,) = strict.workspaces
    gone = strict.outlook(strict.create_task(sid, {"attributes": {}}))
    assert (gone.assignment_status, gone.queue, gone.worker) == ("canceled", None, None)
    assert gone.prospects == ()


def test_a_task_is_created_by_names_or_told_what_is_wrong() -> None:
    sandbox = Sandbox()
    sandbox.fill(CONTENTS)
    (sid,) = sandbox.workspaces
    made = sandbox.create_task(sid, {"attributes": {}, "workflow_sid": "All", "timeout": 5})
    assert [task.sid for task in sandbox.tasks(sid)] == [made]
    with pytest.raises(ContentsError, match="task: there is no colour"):
        sandbox.create_task(sid, {"colour": 1})
    with pytest.raises(ContentsError, match="task: there is no 'Any' among the workflows"):
        sandbox.create_task(sid, {"workflow_sid": "Any"})
    with pytest.raises(LookupError, match="no workspace"):
        sandbox.create_task("WS0", {})
