"""The workers of a soak: they call verbs by chance, in workspaces that come and go."""

import asyncio
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import attrs

import aiotask
from soak.scene import DeliberateError, Room, Scene
from soak.verbs import VERBS

T = TypeVar("T")

CANCELLED = 0.1  # of calls
HANDS = 30
ROOMS = 3
_LIFETIME = 30.0  # seconds of a workspace
_WORKERS = 3  # of a workspace, who are offered tasks
_ATTEMPTS = 50
_LAST_CALLS = 60.0  # seconds for what is under way in the end
_SHORTEST, _LONGEST = -3.5, 0.4  # powers of ten of the seconds after which calls are cancelled
_SHOWN = 10  # tracebacks

WELL, STOPPED, DELIBERATE = "well", "cancelled", "as raised"
FOREIGN, SWALLOWED = "foreign", "not cancelled"


@attrs.define
class Tally:
    """The ends of calls, by verb; the errors, and the longest cancellation."""

    ends: dict[str, Counter[str]] = attrs.field(factory=lambda: defaultdict(Counter))
    errors: Counter[str] = attrs.field(factory=Counter)
    longest: dict[str, float] = attrs.field(factory=lambda: defaultdict(float))
    """The seconds of the longest call, by verb."""
    slowest: tuple[float, str] = (0.0, "")
    endless: int = 0
    """Calls that did not come to an end."""
    rooms: int = 0

    @property
    def calls(self) -> int:
        """The number of calls."""
        return self.all.total()

    @property
    def all(self) -> Counter[str]:
        """The ends of calls of all verbs."""
        return sum(self.ends.values(), Counter())

    def foreign(self, verb: str, error: Exception) -> None:
        """Show what should not have come out."""
        if self.all[FOREIGN] < _SHOWN:
            print(f"\n  foreign, of {verb}:", flush=True)
            traceback.print_exception(error, file=sys.stdout)


class Soak:
    """The work of one client on one sandbox."""

    def __init__(self, client: aiotask.Client, base: str, seed: int, folder: Path) -> None:
        self.tally = Tally()
        self._client = client
        self._base = base
        self._seed = seed
        self._folder = folder
        self._random = Random(seed)
        self._rooms: list[Room] = []

    async def run(self, seconds: float) -> None:
        """Work for so long, and end what is under way."""
        until = time.monotonic() + seconds
        for _ in range(ROOMS):
            self._rooms.append(await self._open())
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew())
            hands = [group.create_task(self._work(hand, until)) for hand in range(HANDS)]
            _, late = await asyncio.wait(hands, timeout=seconds + _LAST_CALLS)
            self.tally.endless = len(late)
            for task in (*late, renewing):
                task.cancel()

    async def _renew(self) -> None:
        """Put a new workspace in the place of the oldest, again and again."""
        while True:
            await asyncio.sleep(_LIFETIME / ROOMS)
            self._rooms.append(await self._open())
            self._rooms.pop(0)
            # With those whose answers were lost.
            known = {room.sid for room in self._rooms}
            for workspace in await _insist(self._client.taskrouter.workspaces.list().all):
                if workspace.sid not in known:
                    await _insist(partial(self._remove, workspace.sid))

    async def _remove(self, sid: str) -> None:
        with suppress(aiotask.NotFoundError):
            await self._client.taskrouter.workspaces.delete(sid)

    async def _open(self) -> Room:
        """Make a workspace with workers who are available."""
        self.tally.rooms += 1
        workspaces = self._client.taskrouter.workspaces
        made = await _insist(lambda: workspaces.create(friendly_name="Soak", template="FIFO"))
        place = self._client.taskrouter.workspace(made.sid)
        (queue,) = await _insist(place.task_queues.list(limit=1).all)
        (workflow,) = await _insist(place.workflows.list(limit=1).all)
        (activity,) = await _insist(place.activities.list(available=True, limit=1).all)
        workers = [
            await _insist(
                lambda: place.workers.create(
                    friendly_name=f"{self._random.getrandbits(64):x}", activity_sid=activity.sid
                )
            )
            for _ in range(_WORKERS)
        ]
        return Room(made.sid, queue.sid, workflow.sid, [worker.sid for worker in workers])

    async def _work(self, hand: int, until: float) -> None:
        """Call verb after verb, by chances of this hand's own."""
        random = Random(f"{self._seed}/{hand}")
        verbs, shares = [*VERBS], [verb.share for verb in VERBS.values()]
        while time.monotonic() < until:
            (verb,) = random.choices(verbs, shares)
            room = random.choice(self._rooms)
            began = time.monotonic()
            scene = Scene(self._client, self._base, room, random, self._folder)
            try:
                end = await self._end_of(verb, scene)
            except aiotask.AiotaskError as error:
                end = type(error).__name__
                self.tally.errors[end] += 1
            except DeliberateError:
                end = DELIBERATE
            except Exception as error:  # noqa: BLE001 - what it is, is shown
                end = FOREIGN
                self.tally.foreign(verb, error)
            self.tally.ends[verb][end] += 1
            longest = self.tally.longest
            longest[verb] = max(longest[verb], time.monotonic() - began)

    async def _end_of(self, verb: str, scene: Scene) -> str:
        act, chance = VERBS[verb].act, scene.random.random()
        delay = 10 ** scene.random.uniform(_SHORTEST, _LONGEST)
        if chance > CANCELLED:
            await act(scene)
            return WELL
        if chance > CANCELLED / 2:
            call = asyncio.create_task(act(scene))
            await asyncio.wait([call], timeout=delay)
            began, cancelled = time.monotonic(), call.cancel()
            try:
                await call
            except asyncio.CancelledError:
                self.tally.slowest = max(self.tally.slowest, (time.monotonic() - began, verb))
                return STOPPED
            return SWALLOWED if cancelled else WELL
        try:
            async with asyncio.timeout(delay) as limit:
                await act(scene)
        except TimeoutError:
            if limit.expired():
                return STOPPED
            raise
        return SWALLOWED if limit.expired() else WELL


async def _insist(make: Callable[[], Awaitable[T]]) -> T:
    """Try until it is done, whatever the service says."""
    for _ in range(_ATTEMPTS):
        try:
            return await make()
        except aiotask.AiotaskError:
            await asyncio.sleep(0.05)
    return await make()
