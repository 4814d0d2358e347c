"""Present contents of a workspace, read under names."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import attrs

from aiotask._encoding import field_types
from aiotask.blueprint.document import Row
from aiotask.blueprint.kinds import ACTIVITY, CHANNELS, KINDS, WORKER, Kind
from aiotask.blueprint.references import references, sids_in, with_names
from aiotask.taskrouter import WorkspaceContext

T = TypeVar("T")

_PAGE_SIZE = 1000
_AT_ONCE = 10


@attrs.frozen(kw_only=True)
class Held:
    """A resource that is there: its sid, and its fields under names."""

    sid: str
    name: str
    row: Row


class Present:
    """What is there, by kind and by name; workers may not have been read."""

    def __init__(self, workspace: WorkspaceContext) -> None:
        self._workspace = workspace
        self._resources: dict[str, list[Any]] = {}
        self._names: dict[str, tuple[Kind, str]] = {}

    @classmethod
    async def read(cls, workspace: WorkspaceContext, *, workers: bool) -> "Present":
        """Read a workspace, with all *workers*, or with them where an expression names one."""
        present = cls(workspace)
        for kind in KINDS.values():
            if kind is not WORKER:
                await present.read_kind(kind)
        if workers or any(sid.startswith("WK") for sid in present._sids()):
            await present.read_kind(WORKER)
        return present

    async def read_kind(self, kind: Kind) -> None:
        """Read all resources of a kind."""
        listed = await kind.of(self._workspace).list(page_size=_PAGE_SIZE).all()
        self._resources[kind.many] = listed
        for each in listed:
            self._names[each.sid] = kind, _name(kind, each)

    @property
    def has_workers(self) -> bool | None:
        """Whether there are workers, None if that was not read."""
        listed = self._resources.get(WORKER.many)
        return None if listed is None else bool(listed)

    def name_of(self, sid: str) -> tuple[Kind, str] | None:
        """Return the kind and the name of a sid."""
        return self._names.get(sid)

    def of(self, kind: Kind) -> list[Held]:
        """Return the resources of a kind, in the order of their names."""
        held = [self._held(kind, each) for each in self._resources.get(kind.many, ())]
        return sorted(held, key=lambda each: (each.name.casefold(), each.name, each.sid))

    def named(self, kind: Kind) -> dict[str, list[Held]]:
        """Return the resources of a kind by what their names are matched by."""
        found: dict[str, list[Held]] = defaultdict(list)
        for each in self.of(kind):
            found[kind.same(each.name)].append(each)
        return dict(found)

    def written_like_references(self) -> list[str]:
        """Return the names of what has a text that would be read as a reference."""
        return [
            f"{kind.name} {_name(kind, each)!r}"
            for kind in KINDS.values()
            for each in self._resources.get(kind.many, ())
            for text in kind.texts
            if any(references(_without_queues(getattr(each, text))))
        ]

    def _sids(self) -> set[str]:
        return {
            sid
            for kind in KINDS.values()
            for each in self._resources.get(kind.many, ())
            for text in kind.texts
            for sid in sids_in(str(getattr(each, text)))
        }

    def _held(self, kind: Kind, resource: Any) -> Held:
        row: Row = {}
        # What it is called comes first, for those who read the document.
        for field in dict.fromkeys((kind.key, "friendly_name", *field_types(kind.shape))):
            value = getattr(resource, field)
            if field in kind.activities:
                known = self.name_of(value)
                value = known[1] if known and known[0] is ACTIVITY else value
            elif field in kind.texts:
                value = with_names(value, self.name_of)
            if value is None and kind.defaults.get(field) == "":
                value = ""  # that there is none is worth telling, as it can be set again
            if value is not None:
                row[field] = value
        return Held(sid=resource.sid, name=_name(kind, resource), row=row)


def _name(kind: Kind, resource: Any) -> str:
    name = getattr(resource, kind.key)
    return name if isinstance(name, str) else ""


def _without_queues(value: Any) -> Any:
    """Return a value without the queues of a configuration, which are no references in a text."""
    if isinstance(value, dict):
        return [_without_queues(part) for name, part in value.items() if name != "queue"]
    return [_without_queues(part) for part in value] if isinstance(value, list) else value


async def with_channels(workspace: WorkspaceContext, workers: Iterable[Held]) -> dict[str, Row]:
    """Return the capacities of workers by their sids and the unique names of the channels."""
    held = [*workers]
    read = await each_of([partial(capacities, workspace, each.sid) for each in held])
    return {each.sid: {CHANNELS: found} for each, found in zip(held, read, strict=True)}


async def capacities(workspace: WorkspaceContext, sid: str) -> dict[str, int]:
    """Return the capacities of a worker by the unique names of the channels."""
    listed = await workspace.worker(sid).worker_channels.list(page_size=_PAGE_SIZE).all()
    found = {
        each.task_channel_unique_name: each.configured_capacity
        for each in listed
        if each.task_channel_unique_name is not None and each.configured_capacity is not None
    }
    return dict(sorted(found.items()))


async def each_of(calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Make calls, some at once, and return their answers in order; raise the first error."""
    answers: list[T] = []
    waiting = [*calls]
    for first in range(0, len(waiting), _AT_ONCE):
        made = [call() for call in waiting[first : first + _AT_ONCE]]
        for answer in await asyncio.gather(*made, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer
            answers.append(answer)
    return answers
