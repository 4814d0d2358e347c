"""Lookup of tasks by the key in their attributes, in lists and in events."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from aiotask import expression
from aiotask._json import loads
from aiotask._paging import Listing, Page
from aiotask.bulk import JOB_ATTRIBUTE, Found
from aiotask.errors import NotFoundError, ProtocolError
from aiotask.taskrouter._fields import TASK
from aiotask.taskrouter.events import Event, Events

COPY_REASON = "a copy of another task, made by mistake"
"""The reason with which an audit cancels surplus tasks."""

# Callbacks call it TaskCanceledReason
# (https://www.twilio.com/docs/taskrouter/api/event/reference#event-callbacks).
_REASON = "task_canceled_reason"
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
    def reason(self) -> str | None:
        """The reason of its end."""

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
        """Yield the tasks that a job has created, as far as their attributes say so still."""
        of_job = f"{JOB_ATTRIBUTE} == {expression.literal(job)}"
        listing = self._listing(evaluate_task_attributes=of_job, page_size=_PAGE_SIZE)
        async for task in self._whole(listing):
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

    def created_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions the tasks whose creation events tell of."""
        return self._told_of("task.created", since)

    def deleted_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions the tasks whose deletion events tell of."""
        return self._told_of("task.deleted", since)

    async def copies_canceled_since(self, since: datetime) -> AsyncIterator[list[str]]:
        """Yield in portions the sids of surplus tasks whose cancellation events tell of."""
        async for page in self._events_of("task.canceled", since):
            told = [(event, event.event_data or {}) for event in page.items]
            yield [_subject(event) for event, data in told if data.get(_REASON) == COPY_REASON]

    async def _told_of(self, event_type: str, since: datetime) -> AsyncIterator[list[Found]]:
        async for page in self._events_of(event_type, since):
            found = []
            for event in page.items:
                attributes = _decoded((event.event_data or {}).get("task_attributes"))
                key, job = _text(attributes, self._attribute), _text(attributes, JOB_ATTRIBUTE)
                found.append(Found(key, _subject(event), event.event_date, job))
            yield found

    def _events_of(self, event_type: str, since: datetime) -> AsyncIterator[Page[Event]]:
        return self._events.list(
            event_type=event_type, start_date=since, page_size=_PAGE_SIZE
        ).pages()

    def _found(self, task: Listed) -> Found:
        attributes = _decoded(task.attributes)
        return Found(
            _text(attributes, self._attribute),
            task.sid,
            task.date_created,
            _text(attributes, JOB_ATTRIBUTE),
            task.reason == COPY_REASON,
        )


def key_in(attributes: Any, attribute: str) -> str | None:
    """Return the key in a task's attributes, decoded or not; None where they hold none."""
    return _text(_decoded(attributes), attribute)


def _decoded(attributes: Any) -> Any:
    if not isinstance(attributes, str):
        return attributes
    try:
        return loads(attributes)
    except ValueError:
        return None


def _text(attributes: Any, name: str) -> str | None:
    value = attributes.get(name) if isinstance(attributes, dict) else None
    return value if isinstance(value, str) else None


def _subject(event: Event) -> str:
    """Return the sid of the task that an event is about."""
    return str((event.event_data or {}).get("task_sid") or event.resource_sid)


def given_sid(sid: str) -> str:
    """Return a task's sid that the service gave; a wrong one is no mistake of the caller."""
    try:
        return TASK(sid)
    except ValueError as error:
        reason = f"the service gives a task another sid than documented: {error}"
    raise ProtocolError(reason, status=200, headers={})
