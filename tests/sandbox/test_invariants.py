"""Invariants of a sandbox under random requests and passing time."""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.routing_api import Floor, rule, target
from tests.sandbox.sandbox_api import Clock, Value, serving

_NAMES = ("Ada", "Bob", "Cid", "Dan")
_CHANNELS = ("default", "voice")
_STATUSES = ("pending", "reserved", "assigned", "wrapping")
_OPEN = ("pending", "accepted", "wrapping")
_RESERVATIONS = {
    "reservation.created": "pending",
    "reservation.wrapup": "wrapping",
    **{
        f"reservation.{status}": status
        for status in ("accepted", "rejected", "timeout", "canceled", "rescinded", "completed")
    },
}

_which = st.integers(0, 7)
_level = st.integers(0, 3)
_step = st.one_of(
    st.tuples(st.just("task"), _level, _which),
    st.tuples(st.just("task"), _level, _which),
    st.tuples(st.just("direct"), _which, _level),
    st.tuples(st.sampled_from(["accepted", "rejected", "wrapping", "completed"]), _which, _level),
    st.tuples(st.sampled_from(["accepted", "rejected", "completed"]), _which, _level),
    st.tuples(st.sampled_from(["cancel", "complete", "wrap", "delete", "rewrite"]), _which, _level),
    st.tuples(st.sampled_from(["activity", "level", "capacity", "busy"]), _which, _level),
    st.tuples(st.sampled_from(["queue", "workflow"]), _which, _level),
    st.tuples(st.just("advance"), st.integers(1, 400), _level),
)
_STATUS = {"cancel": "canceled", "complete": "completed", "wrap": "wrapping"}


class Story:
    """A floor with three queues, and what is true of it after every step."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.api = floor.api
        self.workers: list[str] = []
        self.queues: list[Any] = []
        self.capacities: Counter[tuple[str, str]] = Counter()
        self.reserved: Counter[str] = Counter()

    async def begin(self) -> None:
        floor = self.floor
        self.queues = [
            await floor.queue("Low", "level >= 1", MaxReservedWorkers=2),
            await floor.queue("High", "level >= 2", TaskOrder="LIFO"),
            await floor.queue("Rest"),
        ]
        low, high, rest = self.queues
        self.workflow = await floor.workflow(
            rule(
                target(low, timeout=50, expression="worker.level >= task.level"),
                target(high, timeout=50, skip_if="workers.available == 0"),
                when="kind == 0",
            ),
            rule(
                target(high, timeout=80, priority=3, order_by="worker.level DESC"), when="kind==1"
            ),
            default=rest,
            TaskReservationTimeout=20,
        )
        self.workers = [floor.hire(name, level=level) for level, name in enumerate(_NAMES)]
        for worker in self.workers:
            for channel in _CHANNELS:
                self.capacities[worker, channel] = 1
        for queue in self.queues:
            self.reserved[queue["sid"]] = queue["max_reserved_workers"]

    async def take(self, what: str, which: int, level: int) -> None:
        match what:
            case "advance":
                await self.floor.sandbox.advance(seconds=which)
            case "task" | "direct":
                await self.create(what, which, level)
            case "accepted" | "rejected" | "wrapping" | "completed":
                found = [r for w in self.workers for r in await self.reservations(w)]
                if found:
                    url = found[which % len(found)]["url"]
                    await self.post(url, {"ReservationStatus": what})
            case "queue":
                await self.change_queue(self.queues[which % 3], level)
            case "workflow":
                await self.post(self.workflow["url"], {"ReEvaluateTasks": str(level > 1)})
            case "activity" | "level" | "capacity" | "busy":
                await self.change_worker(what, self.workers[which % 4], level)
            case _:
                await self.change_task(what, which, level)

    async def post(self, url: str, form: dict[str, Value]) -> None:
        assert (await self.api("POST", url, form)).status in (200, 400)

    async def create(self, what: str, which: int, level: int) -> None:
        form: dict[str, Value] = {
            "Priority": level,
            "Timeout": 150 + level,
            "TaskChannel": _CHANNELS[which % 2],
        }
        if what == "direct":
            form["RoutingTarget"] = self.workers[which % 4]
            form["IgnoreCapacity"] = str(which > 4)
        await self.floor.task({"level": level, "kind": which % 3}, **form)

    async def change_queue(self, queue: Any, level: int) -> None:
        most = max(self.reserved[queue["sid"]], level)
        self.reserved[queue["sid"]] = most
        form: dict[str, Value] = {"MaxReservedWorkers": most, "TargetWorkers": f"level >= {level}"}
        await self.post(queue["url"], form)

    async def change_worker(self, what: str, worker: str, level: int) -> None:
        url, channel = f"/Workers/{worker}", _CHANNELS[level % 2]
        match what:
            case "activity":
                await self.floor.move(worker, "Available" if level else "Offline")
            case "level":
                await self.post(url, {"Attributes": f'{{"level":{level}}}'})
            case "busy":
                await self.post(f"{url}/Channels/{channel}", {"Available": str(level > 1)})
            case _:
                most = max(self.capacities[worker, channel], level)
                self.capacities[worker, channel] = most
                await self.floor.capacity(worker, level, channel)

    async def change_task(self, what: str, which: int, level: int) -> None:
        tasks = await self.api.listed("/Tasks")
        if not tasks:
            return
        url = tasks[which % len(tasks)]["url"]
        if what == "delete":
            assert (await self.api("DELETE", url)).status == 204
        elif what == "rewrite":
            text = f'{{"level":{level},"kind":{level % 3}}}'
            await self.post(url, {"Attributes": text, "Priority": level})
        else:
            await self.post(url, {"AssignmentStatus": _STATUS[what]})

    async def reservations(self, worker: str) -> list[Any]:
        return await self.api.listed(f"/Workers/{worker}/Reservations", PageSize=1000)

    async def check(self) -> None:
        tasks = {t["sid"]: t for t in await self.api.listed("/Tasks", PageSize=1000)}
        found = [r for w in self.workers for r in await self.reservations(w)]
        events = await self.api.listed("/Events", PageSize=1000, Minutes=10_000)
        self.check_reservations(tasks, found, events)
        await self.check_present(list(tasks.values()))
        await self.check_past(events)
        await self.check_nobody_waits_in_vain(list(tasks.values()))

    def check_reservations(
        self, tasks: dict[str, Any], found: list[Any], events: list[Any]
    ) -> None:
        last: dict[str, str] = {}
        for event in reversed(events):
            if event["event_type"].startswith("reservation."):
                last[event["resource_sid"]] = _RESERVATIONS[event["event_type"]]
        pending, engaged = Counter[str](), Counter[tuple[str, str]]()
        for item in found:
            task = tasks[item["task_sid"]]
            assert item["reservation_status"] == last[item["sid"]]
            pending[task["sid"]] += item["reservation_status"] == "pending"
            if item["reservation_status"] in _OPEN and not task["ignore_capacity"]:
                engaged[item["worker_sid"], task["task_channel_unique_name"]] += 1
        for task in tasks.values():
            assert (pending[task["sid"]] > 0) is (task["assignment_status"] == "reserved")
            if pending[task["sid"]]:
                assert pending[task["sid"]] <= self.reserved[task["task_queue_sid"]]
        assert all(count <= self.capacities[key] for key, count in engaged.items())

    async def check_present(self, tasks: list[Any]) -> None:
        places: list[tuple[str, dict[str, str]]] = [
            ("", {}),
            (f"/Workflows/{self.workflow['sid']}", {}),
        ]
        places += [(f"/TaskQueues/{q['sid']}", {"task_queue_sid": q["sid"]}) for q in self.queues]
        for path, wanted in places:
            here = [t for t in tasks if all(t[name] == value for name, value in wanted.items())]
            statuses = Counter(t["assignment_status"] for t in here)
            priorities = Counter(
                str(t["priority"]) for t in here if t["assignment_status"] in _STATUSES
            )
            stated = (await self.api("GET", f"{path}/RealTimeStatistics")).json
            assert stated["tasks_by_status"] == {name: statuses[name] for name in _STATUSES}
            assert stated["tasks_by_priority"] == dict(priorities)

    async def check_past(self, events: list[Any]) -> None:
        types = Counter(event["event_type"] for event in events)
        form: dict[str, Value] = {"Minutes": 10_000}
        stated = (await self.api("GET", "/CumulativeStatistics", form)).json
        for name, type_ in (
            ("reservations_created", "reservation.created"),
            ("reservations_accepted", "reservation.accepted"),
            ("reservations_rejected", "reservation.rejected"),
            ("reservations_timed_out", "reservation.timeout"),
            ("reservations_canceled", "reservation.canceled"),
            ("reservations_rescinded", "reservation.rescinded"),
            ("tasks_created", "task.created"),
            ("tasks_canceled", "task.canceled"),
            ("tasks_completed", "task.completed"),
            ("tasks_moved", "task-queue.moved"),
            ("tasks_timed_out_in_workflow", "workflow.timeout"),
        ):
            assert stated[name] == types[type_], name

    async def check_nobody_waits_in_vain(self, tasks: list[Any]) -> None:
        """Try every worker on every pending task, with no help of the sandbox's own routing."""
        stores = self.api.sandbox._workspace(self.api.workspace).stores
        for task in tasks:
            stored = stores.tasks.get(task["sid"])
            assert stored is not None
            if stored.assignment_status != "pending":
                continue
            for worker in stores.workers:
                channel = worker.channels[stored.channel.sid]
                free = channel.available and channel.engaged < channel.capacity
                free = free and worker.activity.available
                if stored.routing_target is not None:
                    mine = stored.routing_target == worker.sid
                    assert not (mine and (free or stored.ignore_capacity))
                elif stored.queue is not None and free and stored.queue.targets(worker):
                    assert stored.queue.friendly_name == "Low"
                    assert worker.decoded["level"] < int(task["attributes"][9])


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_step, min_size=3, max_size=20))
def test_whatever_happens_what_the_sandbox_says_fits_together(
    steps: list[tuple[str, int, int]],
) -> None:
    async def scenario() -> None:
        async with serving("NONE", clock=Clock()) as api:
            story = Story(Floor(api))
            await story.begin()
            for step in steps:
                await story.take(*step)
                await story.check()

    asyncio.run(scenario())
