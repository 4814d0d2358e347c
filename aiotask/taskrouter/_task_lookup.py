"""Lookup of tasks by the key in their attributes, in lists and in events."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from aiotask import expression
from aiotask._json import loads
from aiotask._paging import Listing
from aiotask.bulk import JOB_ATTRIBUTE, ROW_ATTRIBUTE, Found
from aiotask.errors import NotFoundError, ProtocolError
from aiotask.taskrouter._fields import TASK
from aiotask.taskrouter.events import Events

COPY_REASON = "a copy of another task, made by mistake"
"""The reason with which an audit cancels surplus tasks."""

_PAGE_SIZE = 1000


class Listed(Protocol):
    """The part of a listed task that a lookup reads."""

    @property
    @abstractmethod
    def sid(self) -> str:
        """Its sid."""

    @property
    @abstractmethod
    def attributes(self) -> Any:
        """Its attributes, decoded."""

    @property
    @abstractmethod
    def date_created(self) -> datetime | None:
        """Its creation."""


class TaskLookup:
    """Finds tasks of one workspace whose keys are in the attribute *attribute*."""

    def __init__(
        self,
        attribute: str,
        listing: Callable[..., Listing[Any]],
        fetch: Callable[[str], Awaitable[Listed]],
        events: Events,
    ) -> None:
        self._attribute = attribute
        self._listing = listing
        self._fetch = fetch
        self._events = events

    async def is_there(self, sid: str) -> bool:
        """Whether the task *sid* exists."""
        try:
            await self._fetch(sid)
        except (NotFoundError, ValueError):  # a journal may hold anything
            return False
        return True

    async def by_keys(self, keys: Sequence[str]) -> list[Found]:
        """Return the tasks that have one of these keys."""
        texts = ", ".join(map(expression.literal, keys))
        listing = self._listing(
            evaluate_task_attributes=f"{self._attribute} IN [{texts}]", page_size=_PAGE_SIZE
        )
        return [self._found(task) async for task in self._whole(listing)]

    async def of_job(self, job: str) -> AsyncIterator[Found]:
        """Yield the tasks that a job has created."""
        of_job = f"{JOB_ATTRIBUTE} == {expression.literal(job)}"
        listing = self._listing(evaluate_task_attributes=of_job, page_size=_PAGE_SIZE)
        async for task in self._whole(listing):
            if task.reason != COPY_REASON:
                yield self._found(task)

    async def _whole(self, listing: Listing[Any]) -> AsyncIterator[Any]:
        """Yield tasks with their attributes, which a list may leave out by its description."""
        async for task in listing:
            if task.attributes is not None:
                yield task
                continue
            with suppress(NotFoundError):
                yield await self._fetch(given_sid(task.sid))

    async def newest(self) -> AsyncIterator[list[Found]]:
        """Yield all tasks in portions, the latest first."""
        pages = self._listing(ordering="DateCreated:desc", page_size=_PAGE_SIZE).pages()
        async for page in pages:
            yield [self._found(task) for task in page.items]

    async def created_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions the tasks whose creation events tell of."""
        listing = self._events.list(
            event_type="task.created", start_date=since, page_size=_PAGE_SIZE
        )
        async for page in listing.pages():
            found = []
            for event in page.items:
                told = event.event_data or {}
                sid = told.get("task_sid") or event.resource_sid
                attributes = told.get("task_attributes")
                found.append(found_in(attributes, self._attribute, str(sid), event.event_date))
            yield found

    def _found(self, task: Listed) -> Found:
        return found_in(task.attributes, self._attribute, task.sid, task.date_created)


def found_in(attributes: Any, attribute: str, sid: str, created: datetime | None) -> Found:
    """Return a task by the marks in its attributes, decoded or not."""
    marks = _decoded(attributes)
    key, job, row = (marks.get(name) for name in (attribute, JOB_ATTRIBUTE, ROW_ATTRIBUTE))
    return Found(
        key if isinstance(key, str) else None,
        sid,
        created,
        job if isinstance(job, str) else None,
        row if type(row) is int else None,
    )


def key_in(attributes: Any, attribute: str) -> str | None:
    """Return the key in a task's attributes, decoded or not; None where they hold none."""
    key = _decoded(attributes).get(attribute)
    return key if isinstance(key, str) else None


def _decoded(attributes: Any) -> Mapping[str, Any]:
    if isinstance(attributes, str):
        try:
            attributes = loads(attributes)
        except ValueError:
            return {}
    return attributes if isinstance(attributes, dict) else {}


def given_sid(sid: str) -> str:
    """Return a task's sid that the service gave; a wrong one is no mistake of the caller."""
    try:
        return TASK(sid)
    except ValueError as error:
        reason = f"the service gives a task another sid than documented: {error}"
    raise ProtocolError(reason, status=200, headers={})
