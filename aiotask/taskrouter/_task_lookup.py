"""Lookup of tasks by the key in their attributes, in lists and in events."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from aiotask import expression
from aiotask._json import loads
from aiotask._paging import Listing, Page
from aiotask.bulk import JOB_ATTRIBUTE, ROW_ATTRIBUTE, Found
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

    async def created_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions the tasks whose creation events tell of."""
        async for page in self._events_of("task.created", since):
            found = []
            for event in page.items:
                attributes = (event.event_data or {}).get("task_attributes")
                subject, date = _subject(event), event.event_date
                found.append(found_in(attributes, self._attribute, subject, date))
            yield found

    async def copies_canceled_since(self, since: datetime) -> AsyncIterator[list[str]]:
        """Yield in portions the sids of surplus tasks whose cancellation events tell of."""
        async for page in self._events_of("task.canceled", since):
            told = [(event, event.event_data or {}) for event in page.items]
            yield [_subject(event) for event, data in told if data.get(_REASON) == COPY_REASON]

    def _events_of(self, event_type: str, since: datetime) -> AsyncIterator[Page[Event]]:
        return self._events.list(
            event_type=event_type, start_date=since, page_size=_PAGE_SIZE
        ).pages()

    def _found(self, task: Listed) -> Found:
        found = found_in(task.attributes, self._attribute, task.sid, task.date_created)
        return found._replace(is_copy=True) if task.reason == COPY_REASON else found


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


def _subject(event: Event) -> str:
    """Return the sid of the task that an event is about."""
    return str((event.event_data or {}).get("task_sid") or event.resource_sid)


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
