"""A sandbox with a store, whose answers do not tell one life of it from the next."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from aiotask.sandbox import Sandbox
from tests.sandbox.sandbox_api import Clock, Reply, Value, basic

ASSISTANT = "UA" + "1" * 32
HOST = "sandbox.test"  # in place of an address whose port is another one each time

_SHELVES = ("Activities", "TaskChannels", "TaskQueues", "Workflows", "Workers", "Tasks", "Events")
_BELOW: Mapping[str, tuple[str, ...]] = {
    "Tasks": ("Reservations",),
    "Workers": ("Reservations", "Channels", "Statistics"),
    "TaskQueues": ("Statistics", "RealTimeStatistics", "CumulativeStatistics"),
    "Workflows": ("Statistics", "RealTimeStatistics", "CumulativeStatistics"),
}
_BESIDE = (
    "",
    "Statistics",
    "RealTimeStatistics",
    "CumulativeStatistics",
    "Workers/Statistics",
    "Workers/CumulativeStatistics",
    "TaskQueues/Statistics",
    "Tasks?Ordering=Priority:desc,DateCreated:asc",
    "Tasks?EvaluateTaskAttributes=n%20%3E%203",
    "TaskQueues?EvaluateWorkerAttributes=n%20%3E%203",
)


class Kept:
    """A sandbox that serves, and requests to it."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self._session = session

    async def __call__(self, method: str, path: str, **form: Value) -> Reply:
        url = URL(self.sandbox.url + path.removeprefix(f"http://{HOST}"), encoded=True)
        body = urlencode(form, doseq=True)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self._session.request(method, url, data=body or None, headers=kind) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def make(self, path: str, **form: Value) -> Any:
        reply = await self("POST", path, **form)
        assert reply.status == 201, reply.body
        return reply.json

    async def listed(self, path: str) -> list[Any]:
        reply = await self("GET", f"{path}{'&' if '?' in path else '?'}PageSize=1000")
        assert reply.status == 200, reply.body
        return list(reply.json[reply.json["meta"]["key"]])

    async def everything(self) -> dict[str, tuple[int, str | None, bytes]]:
        """Return every answer that there is to a GET, with its ETag."""
        answers: dict[str, tuple[int, str | None, bytes]] = {}

        async def look(path: str) -> None:
            reply = await self("GET", path)
            answers[path] = reply.status, reply.headers.get("ETag"), reply.body

        async def collection(path: str, *below: str) -> None:
            await look(f"{path}?PageSize=1000")
            for item in await self.listed(path):
                for name in ("", *below):
                    await look(f"{path}/{item['sid']}/{name}".rstrip("/"))

        await collection("/v1/Workspaces")
        await collection(f"/v1/Assistants/{ASSISTANT}/Tasks")
        for sid in self.sandbox.workspaces:
            here = f"/v1/Workspaces/{sid}"
            for name in _BESIDE:
                await look(f"{here}/{name}".rstrip("/"))
            for name in _SHELVES:
                await collection(f"{here}/{name}", *_BELOW.get(name, ()))
        return answers


def session() -> aiohttp.ClientSession:
    """Return what talks to any sandbox, under a name that is always the same."""
    sandbox = Sandbox()
    headers = {**basic(sandbox.account_sid, sandbox.auth_token), "Host": HOST}
    return aiohttp.ClientSession(headers=headers)


@asynccontextmanager
async def kept(store: Path, clock: Clock, **settings: Any) -> AsyncIterator[Kept]:
    """Serve what a file holds."""
    chosen: dict[str, Any] = {"expression_rate": None, "seed": 1} | settings
    async with Sandbox(store=store, clock=clock, **chosen) as sandbox, session() as talk:
        yield Kept(sandbox, talk)


class Chaos:
    """Changes chosen by chance, which the service may refuse."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._chance = Random(seed)
        self._clock = clock
        self._count = 0

    async def step(self, api: Kept) -> None:
        """Do something."""
        self._clock.now += self._chance.choice([0, 0.25, 3])
        self._count += 1
        steps = (
            [self._create] * 6
            + [self._update] * 5
            + [self._move] * 6
            + [self._reserve] * 4
            + [self._delete, self._configure]
        )
        method, path, form = await self._chance.choice(steps)(api)
        reply = await api(method, path, **form) if path else None
        assert reply is None or reply.status < 500, reply.body

    async def _some(self, api: Kept, path: str) -> str:
        found = await api.listed(path)
        return str(self._chance.choice(found)["sid"]) if found else "none"

    async def _here(self, api: Kept) -> str:
        return f"/v1/Workspaces/{await self._some(api, '/v1/Workspaces')}"

    def _attributes(self) -> str:
        return msgspec.json.encode(
            {"n": self._chance.randrange(8), "ü": "\u2028", "call_sid": "CA1"}
        ).decode()

    async def _create(self, api: Kept) -> tuple[str, str, dict[str, Value]]:
        name, here = f"Nø {self._count}", await self._here(api)
        tasks = f"/v1/Assistants/{ASSISTANT}/Tasks"
        form: dict[str, Value] = {"FriendlyName": name}
        collection = self._chance.choice(
            ["Workspaces", "Autopilot", "Activities", "TaskChannels", "TaskQueues"]
            + ["Workers"] * 4
            + ["Tasks"] * 6
        )
        match collection:
            case "Workspaces":
                return "POST", "/v1/Workspaces", {**form, "Template": "FIFO"}
            case "Autopilot":
                return "POST", tasks, {"UniqueName": name, "Actions": '{"a": 1}'}
            case "Activities":
                form["Available"] = "true"
            case "TaskChannels":
                form["UniqueName"] = f"c{self._count}"
            case "TaskQueues":
                form["AssignmentActivitySid"] = await self._some(api, f"{here}/Activities")
                form["TargetWorkers"] = "n > 3"
            case "Workers":
                form["Attributes"] = self._attributes()
            case _:
                form = {"Attributes": self._attributes(), "Priority": self._chance.randrange(3)}
                form["TaskChannel"] = await self._some(api, f"{here}/TaskChannels")
                form["WorkflowSid"] = await self._some(api, f"{here}/Workflows")
        return "POST", f"{here}/{collection}", form

    async def _update(self, api: Kept) -> tuple[str, str, dict[str, Value]]:
        here, name = await self._here(api), f"Renamed {self._count}"
        collection = self._chance.choice(
            ["", "Activities", "TaskChannels", "TaskQueues", "Workflows", "Workers", "Tasks"]
        )
        activity = await self._some(api, f"{here}/Activities")
        match collection:
            case "":
                single = self._chance.choice(["true", "false"])
                form: dict[str, Value] = {"MultiTaskEnabled": single, "EventsFilter": name}
                return "POST", here, {**form, "TimeoutActivitySid": activity}
            case "Tasks":
                form = {"Attributes": self._attributes(), "Priority": self._chance.randrange(3)}
            case "Workers":
                form = {"Attributes": self._attributes(), "ActivitySid": activity}
            case _:
                form = {"FriendlyName": name}
        return "POST", f"{here}/{collection}/{await self._some(api, f'{here}/{collection}')}", form

    async def _configure(self, api: Kept) -> tuple[str, str, dict[str, Value]]:
        here = await self._here(api)
        worker = f"{here}/Workers/{await self._some(api, f'{here}/Workers')}"
        if self._chance.random() < 0.5:
            form: dict[str, Value] = {"Capacity": self._chance.randrange(5), "Available": "false"}
            return "POST", f"{worker}/Channels/default", form
        queue = await self._some(api, f"{here}/TaskQueues")
        rule = {"expression": "n > 5", "targets": [{"queue": queue, "priority": 7}]}
        routing = {"filters": [rule], "default_filter": {"queue": queue}}
        form = {"FriendlyName": f"W{self._count}"}
        text = msgspec.json.encode({"task_routing": routing}).decode()
        return "POST", f"{here}/Workflows", {**form, "Configuration": text}

    async def _move(self, api: Kept) -> tuple[str, str, dict[str, Value]]:
        here = await self._here(api)
        task = f"{here}/Tasks/{await self._some(api, f'{here}/Tasks')}"
        if self._chance.random() < 0.4 or task.endswith("none"):
            status = self._chance.choice(["canceled", "wrapping", "completed"])
            return "POST", task, {"AssignmentStatus": status, "Reason": "chance"}
        reservation = await self._some(api, f"{task}/Reservations")
        status = self._chance.choice(["accepted", "accepted", "rejected", "wrapping", "completed"])
        form: dict[str, Value] = {"ReservationStatus": status}
        if status == "accepted":
            activity = await self._some(api, f"{here}/Activities")
            form = {"Instruction": "dequeue", "DequeuePostWorkActivitySid": activity}
        return "POST", f"{task}/Reservations/{reservation}", form

    async def _reserve(self, api: Kept) -> tuple[str, str, dict[str, Value]]:
        here = await self._here(api)
        task = await self._some(api, f"{here}/Tasks?AssignmentStatus=pending,reserved")
        worker = await self._some(api, f"{here}/Workers")
        if "none" not in (task, worker):
            api.sandbox.reserve(task, worker)
        return "", "", {}

    async def _delete(self, api: Kept) -> tuple[str, str, dict[str, Value]]:
        here = await self._here(api)
        collection = self._chance.choice(
            ["", "Activities", "TaskChannels", "TaskQueues", "Workflows", "Workers", "Tasks"]
        )
        if collection:
            return (
                "DELETE",
                f"{here}/{collection}/{await self._some(api, f'{here}/{collection}')}",
                {},
            )
        tasks = f"/v1/Assistants/{ASSISTANT}/Tasks"
        if self._chance.random() < 0.5:
            return "DELETE", f"{tasks}/{await self._some(api, tasks)}", {}
        few = len(api.sandbox.workspaces) < 2
        return ("", "", {}) if few else ("DELETE", here, {})
