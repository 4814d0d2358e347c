"""A resolver by itself, a service that is a dictionary, and what is concluded of its rows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import attrs

from aiotask import StatusError
from aiotask._service_time import Offsets
from aiotask.bulk import KEY_ATTRIBUTE, Found, Keys, Settings
from aiotask.bulk.item import Item
from aiotask.bulk.resolver import Resolver
from aiotask.bulk.sentinels import Sentinel
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.verdicts import Absent, Exists, Undecided, Verdict
from aiotask.errors import AiotaskError
from tests.virtual_time import LoopClock

SETTLE = 40.0


@attrs.define
class Service:
    """Holds what is there by key, and fails as it is told to."""

    clock: LoopClock = attrs.field(factory=LoopClock)
    listed: dict[str, Found] = attrs.field(factory=dict)
    in_events: dict[str, Found] = attrs.field(factory=dict)
    asked: list[list[str]] = attrs.field(factory=list)
    pages: int = 0
    event_pages: int = 0
    most_keys: int = 1000
    same_key: list[Found] = attrs.field(factory=list)
    errors: list[AiotaskError] = attrs.field(factory=list)
    event_errors: list[AiotaskError] = attrs.field(factory=list)
    too_many: Callable[[], StatusError] = lambda: StatusError("long", status=414, headers={})

    def made(self, key: str, *, gone: bool = False) -> None:
        found = Found(key, f"sid of {key}", datetime.fromtimestamp(self.clock(), UTC))
        self.in_events[key] = found
        if not gone:
            self.listed[key] = found

    async def is_there(self, sid: str) -> bool:
        return any(found.sid == sid for found in self.listed.values())

    async def by_keys(self, keys: Sequence[str]) -> list[Found]:
        self.asked.append([*keys])
        self._fail()
        if len(keys) > self.most_keys:
            raise self.too_many()
        return self.same_key + [self.listed[key] for key in keys if key in self.listed]

    async def newest(self) -> AsyncIterator[list[Found]]:
        self._fail()
        latest = sorted(self.listed.values(), key=lambda each: str(each.created), reverse=True)
        for start in range(0, len(latest), 10):
            self.pages += 1
            yield latest[start : start + 10]

    async def created_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        if self.event_errors:
            raise self.event_errors.pop()
        self.event_pages += 1
        yield [each for each in self.in_events.values() if each.created and each.created >= since]

    async def copies_canceled_since(
        self,
        since: datetime,  # noqa: ARG002
    ) -> AsyncIterator[list[str]]:
        yield []

    async def of_job(self, job: str) -> AsyncIterator[Found]:  # noqa: ARG002
        for found in self.listed.values():
            yield found

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop()


class Judged:
    """A resolver, and what it has concluded."""

    def __init__(
        self, service: Service, *, quiet: bool = False, stall_timeout: float = 600
    ) -> None:
        self.service = service
        self.verdicts: dict[int, str] = {}
        self.offsets = Offsets()
        time = ServiceClock(self.offsets, service.clock)
        settings = Settings(keys=Keys(KEY_ATTRIBUTE), settle=SETTLE, stall_timeout=stall_timeout)
        policy = service.clock.policy()
        self.down = False
        self.resolver = Resolver(service, settings, time, policy, lambda: quiet, lambda: self.down)
        self.error: Exception | None = None

    async def run(self) -> None:
        """Take verdicts, until cancelled."""
        async for verdicts in self.resolver.verdicts():
            for verdict in verdicts:
                self._note(verdict)

    def _note(self, verdict: Verdict) -> None:
        match verdict:
            case Exists(item=item, sid=sid):
                assert sid == f"sid of {item.key}"
                self.verdicts[item.number] = "found"
            case Absent(item=item):
                self.verdicts[item.number] = "absent"
            case Undecided(item=item):
                self.verdicts[item.number] = "unresolved"

    def doubt(self, number: int, *, old: bool = False, since: float | None = None) -> Item:
        item = Item(number, {}, f"key{number}", b"", None, None)
        item.sent_at = self.service.clock()
        self.resolver.add(item, None, since or item.sent_at, from_earlier_run=old)
        return item

    def sentinel(self, key: str = "sentinel") -> None:
        now = self.service.clock()
        self.resolver.sentinels.note(Sentinel(now, key, datetime.fromtimestamp(now, UTC)))

    async def until(self, count: int, *, sentinels: bool = True) -> dict[int, str]:
        """Run until so many rows are settled, something new being made all the while."""
        run = asyncio.ensure_future(self.run())
        number = 0
        while len(self.verdicts) < count and not run.done():
            if sentinels:
                number += 1
                self.service.made(f"sentinel{number}")
                self.sentinel(f"sentinel{number}")
            await asyncio.sleep(SETTLE / 10)
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        return self.verdicts
