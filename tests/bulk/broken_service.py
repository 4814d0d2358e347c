"""A sandbox behind a proxy that breaks its answers, and a client of it, on one virtual time."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import attrs
import msgspec
import pytest
from aiohttp import web
from multidict import CIMultiDict

from aiotask import Client, Outcome
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Run, Settings, source_of
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import NewTask, Tasks
from tests.bulk.bench import number_of
from tests.virtual_time import LoopClock, VirtualTimeLoop, until

SETTLE = 60.0
DAY = 86_400.0
LONG = 40 * DAY  # virtual seconds, in which every run has to end

Source = Iterable[NewTask] | AsyncIterator[NewTask]


@attrs.define
class Reply:
    """An answer on its way to the client; a lost one is cut off."""

    status: int
    headers: CIMultiDict[str]
    body: bytes
    lost: bool = False


def refusal(status: int) -> Reply:
    body = msgspec.json.encode({"code": 20_000 + status, "message": "no", "status": status})
    return Reply(status, CIMultiDict({"Content-Type": "application/json"}), body)


@attrs.define
class BrokenService:
    """Hands on requests, unless *refuse* has an answer to them; *spoil* changes the answers."""

    sandbox: Sandbox
    clock: LoopClock
    session: aiohttp.ClientSession
    workspace: str
    url: str = ""
    refuse: Callable[[web.BaseRequest, bytes], Reply | None] = lambda _, __: None
    spoil: Callable[[web.BaseRequest, Reply], object] = lambda _, __: None
    bodies: list[bytes] = attrs.field(factory=list)
    done: list[Outcome[NewTask]] = attrs.field(factory=list)
    client: Client = attrs.field(init=False)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if is_create(request):
            self.bodies.append(body)
        if (reply := self.refuse(request, body)) is None:
            reply = await self._answer(request, body)
            if asyncio.iscoroutine(spoiling := self.spoil(request, reply)):
                await spoiling
        if reply.lost and request.transport is not None:
            request.transport.abort()
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    async def _answer(self, request: web.BaseRequest, body: bytes) -> Reply:
        headers = CIMultiDict(request.headers)
        headers.popall("Host")
        headers["Accept-Encoding"] = "identity"
        url = f"{self.sandbox.url}{request.raw_path}"
        try:
            async with self.session.request(
                request.method, url, data=body, headers=headers
            ) as answer:
                text = (await answer.read()).replace(self.sandbox.url.encode(), self.url.encode())
                reply = Reply(answer.status, CIMultiDict(answer.headers), text)
        except aiohttp.ClientError:
            return Reply(503, CIMultiDict(), b"", lost=True)
        reply.headers.popall("Content-Length", None)
        return reply

    @property
    def tasks(self) -> Tasks:
        return self.client.taskrouter.workspace(self.workspace).tasks

    @property
    def creates(self) -> int:
        """The number of creates that came in."""
        return len(self.bodies)

    @property
    def sids(self) -> set[str]:
        return {task.sid for task in self.sandbox.tasks(self.workspace)}

    @property
    def held(self) -> Counter[int]:
        tasks = self.sandbox.tasks(self.workspace)
        return Counter(msgspec.json.decode(task.attributes)["n"] for task in tasks)

    def run(self, source: Source, **settings: Any) -> Run[NewTask]:
        chosen: dict[str, Any] = {
            "keys": Keys(KEY_ATTRIBUTE),
            "settle": SETTLE,
            "stall_timeout": 900.0,
            "max_in_flight": 10,
        }
        return self.tasks.creating(source_of(source), Settings(**chosen | settings))

    async def create(self, source: Source, **settings: Any) -> list[Outcome[NewTask]]:
        """Run to the end, which has to come; ``done`` has the outcomes also after an error."""
        self.done = []
        async with asyncio.timeout(LONG):
            async for outcome in self.run(source, **settings).outcomes():
                self.done.append(outcome)
        return self.done

    async def leave_in_doubt(self, given: list[NewTask], journal: Path, **settings: Any) -> None:
        """Run until the answers are there that are not lost, and leave the others in doubt."""
        kept = sum(not loses(row) for row in given)
        before, self.spoil = self.spoil, lose
        run = self.run(given, journal=journal, **settings)
        self.done = []
        async for outcome in run.outcomes():
            self.done.append(outcome)
            if len(self.done) == kept:
                await until(lambda: run.in_doubt == len(given) - kept)
                run.stop()
        assert not any(loses(outcome.row) for outcome in self.done)
        self.spoil = before


def is_create(request: web.BaseRequest) -> bool:
    return request.method == "POST" and request.path.endswith("/Tasks")


def loses(row: NewTask) -> bool:
    return number_of(row) % 3 == 0


def lose(request: web.BaseRequest, reply: Reply) -> None:
    """Lose the answers to the creates of every third row."""
    if is_create(request):
        attributes = msgspec.json.decode(msgspec.json.decode(reply.body)["attributes"])
        reply.lost = attributes["n"] % 3 == 0


def without_events(status: int) -> Callable[[web.BaseRequest, bytes], Reply | None]:
    return lambda request, _: refusal(status) if request.path.endswith("/Events") else None


def lost_before(request: web.BaseRequest, body: bytes) -> Reply | None:
    """Lose the creates of every third row before the service has them."""
    if not is_create(request):
        return None
    attributes = msgspec.json.decode(parse_qs(body.decode())["Attributes"][0])
    if attributes["n"] % 3:
        return None
    reply = refusal(503)
    reply.lost = True
    return reply


@asynccontextmanager
async def broken_service(**settings: Any) -> AsyncIterator[BrokenService]:
    clock = LoopClock()
    async with (
        Sandbox(**{"clock": clock, "expression_rate": None} | settings) as sandbox,
        aiohttp.ClientSession() as session,
        AsyncExitStack() as stack,
    ):
        here = BrokenService(sandbox, clock, session, sandbox.create_workspace("x"))
        runner = web.ServerRunner(web.Server(here))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        here.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        here.client = Client(
            sandbox.account_sid,
            sandbox.auth_token,
            base_url=here.url,
            retry=clock.policy(),
            timeout=0.5,
        )
        await stack.enter_async_context(here.client)
        yield here


class WallClock:
    """The local clock: it may be wrong, and it goes on while a machine is suspended."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.time
        patch.setattr(time, "time", lambda: real() + self.ahead)


def sleep_stopped(seconds: float) -> None:
    """Let time pass in which this process does nothing, as after a SIGSTOP."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.now += seconds
