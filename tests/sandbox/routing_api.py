"""Short forms for routing tests: queues, workflows and the offers of a task."""

from typing import Any

import msgspec

from tests.sandbox.sandbox_api import Api, Value

LEFT = "Task canceled on Workflow timeout"
"""Reason of a task that no target had."""


def target(queue: Any, **rules: object) -> dict[str, Any]:
    return {"queue": queue["sid"], **rules}


def rule(*targets: dict[str, Any], when: str = "1==1") -> dict[str, Any]:
    return {"expression": when, "targets": list(targets)}


def configuration(*rules: dict[str, Any], default: Any = None) -> str:
    routing: dict[str, Any] = {"filters": list(rules)}
    if default is not None:
        routing["default_filter"] = {"queue": default["sid"]}
    return msgspec.json.encode({"task_routing": routing}).decode()


class Floor:
    """A workspace without queues in the beginning, and what happens on it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.sandbox = api.sandbox

    async def queue(self, name: str = "Q", workers: Value = "1==1", /, **form: Value) -> Any:
        return await self.api.make("/TaskQueues", FriendlyName=name, TargetWorkers=workers, **form)

    async def workflow(self, *rules: dict[str, Any], default: Any = None, **form: Value) -> Any:
        return await self.api.make(
            "/Workflows",
            FriendlyName="W",
            Configuration=configuration(*rules, default=default),
            **form,
        )

    def hire(self, name: str, activity: str = "Available", **attributes: object) -> str:
        return self.sandbox.create_worker(self.api.workspace, name, attributes, activity)

    async def task(self, attributes: dict[str, object] | None = None, /, **form: Value) -> Any:
        text = msgspec.json.encode(attributes or {}).decode()
        return await self.api.make("/Tasks", Attributes=text, **form)

    async def now(self, task: Any) -> Any:
        reply = await self.api("GET", task["url"])
        assert reply.status == 200, reply.body
        return reply.json

    async def status(self, task: Any) -> str:
        return str((await self.now(task))["assignment_status"])

    async def place(self, task: Any) -> tuple[str, str]:
        found = await self.now(task)
        return found["assignment_status"], found["task_queue_friendly_name"]

    async def reservations(self, task: Any, **filters: Value) -> list[Any]:
        return await self.api.listed(f"/Tasks/{task['sid']}/Reservations", **filters)

    async def offered(self, task: Any) -> list[str]:
        """Return to whom a task is offered now."""
        found = await self.reservations(task, ReservationStatus="pending")
        return [item["worker_name"] for item in found]

    async def turn(self, task: Any, status: str, worker: str | None = None) -> None:
        """Set the status of the last reservation of a task, or of its last one for a worker."""
        found = await self.reservations(task)
        (*_, last) = [item for item in found if worker in (None, item["worker_name"])]
        reply = await self.api("POST", last["url"], {"ReservationStatus": status})
        assert reply.status == 200, reply.body

    async def move(self, worker: str, activity: str) -> None:
        activities = {item["friendly_name"]: item for item in await self.api.listed("/Activities")}
        form = {"ActivitySid": activities[activity]["sid"]}
        assert (await self.api("POST", f"/Workers/{worker}", form)).status == 200

    async def capacity(self, worker: str, capacity: int, channel: str = "default") -> None:
        path = f"/Workers/{worker}/Channels/{channel}"
        assert (await self.api("POST", path, {"Capacity": capacity})).status == 200

    async def events(self, task: Any) -> list[str]:
        """Return what events tell of a task, the oldest first."""
        found = await self.api.listed("/Events", TaskSid=task["sid"], Minutes=100_000)
        return [event["event_type"] for event in reversed(found)]

    async def told(self, task: Any) -> list[tuple[str, int]]:
        """Return the same with the milliseconds since the task was created."""
        found = await self.api.listed("/Events", TaskSid=task["sid"], Minutes=100_000)
        first = found[-1]["event_date_ms"]
        return [(event["event_type"], event["event_date_ms"] - first) for event in reversed(found)]


async def simple(floor: Floor, workers: str = "1==1", **form: Value) -> Any:
    """Make one queue, and a workflow that puts every task in it."""
    queue = await floor.queue("Q", workers, **form)
    await floor.workflow(rule(target(queue)))
    return queue
