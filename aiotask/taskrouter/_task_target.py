"""Tasks as a bulk creation needs them: made one by one, found by the key in their attributes."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from yarl import URL

from aiotask import expression
from aiotask._answers import Answer
from aiotask._collection import form
from aiotask._json import loads
from aiotask._paging import Listing
from aiotask._rate_limiter import RateLimiter
from aiotask._retry import RetryPolicy
from aiotask._session import Session
from aiotask._verbs import CREATE
from aiotask.bulk import Found
from aiotask.errors import DecodingError, NotFoundError, NotJsonError, ProtocolError
from aiotask.taskrouter._fields import TASK
from aiotask.taskrouter.events import Events

COPY_REASON = "a copy of another task, made by mistake"
"""Why a task is canceled that should not be there."""

_PAGE_SIZE = 1000


class Listed(Protocol):
    """What is of interest in a task that a list shows."""

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
        """When it was made."""


class TaskTarget:
    """The tasks of one workspace, for a bulk creation."""

    def __init__(
        self,
        session: Session,
        url: URL,
        shape: type,
        lane: RateLimiter,
        listing: Callable[..., Listing[Any]],
        fetch: Callable[[str], Awaitable[Listed]],
        events: Events,
    ) -> None:
        self.path = url.raw_path
        self.retry: RetryPolicy = session.retry
        self.lane = lane
        self.hooks = session.hooks
        self._session = session
        self._url = url
        self._shape = shape
        self._listing = listing
        self._fetch = fetch
        self._events = events

    def check(self) -> None:
        """Raise a ClientStateError if nothing can be sent from here and now."""
        self._session.check()

    def body(self, row: Any, mark: Callable[[Any], Any]) -> bytes:
        """Return the form that creates a row's task."""
        if not isinstance(row, Mapping):
            raise TypeError(f"a row is a mapping of create's fields, not {type(row).__name__}")
        attributes = mark(row.get("attributes", {}))
        if attributes or "attributes" in row:
            row = {**row, "attributes": attributes}
        return form(self._shape, row)

    async def create(self, body: bytes, attribute: str, key: str | None) -> Found:
        """Send it once."""
        made = partial(_made, attribute, key)
        return await self._session.send(CREATE, self._url, made, body, self.lane)

    async def is_there(self, sid: str) -> bool:
        """Whether there is a task with this sid."""
        try:
            await self._fetch(sid)
        except (NotFoundError, ValueError):  # a journal may hold anything
            return False
        return True

    async def by_keys(self, attribute: str, keys: Sequence[str]) -> list[Found]:
        """Return the tasks that have one of these keys."""
        texts = ", ".join(map(expression.literal, keys))
        listing = self._listing(
            evaluate_task_attributes=f"{attribute} IN [{texts}]", page_size=_PAGE_SIZE
        )
        return [_found(task, attribute) async for task in self._whole(listing)]

    async def of_job(self, job_attribute: str, job: str, attribute: str) -> AsyncIterator[Found]:
        """Yield the tasks that a job has made."""
        of_job = f"{job_attribute} == {expression.literal(job)}"
        listing = self._listing(evaluate_task_attributes=of_job, page_size=_PAGE_SIZE)
        async for task in self._whole(listing):
            if task.reason != COPY_REASON:
                yield _found(task, attribute)

    async def _whole(self, listing: Listing[Any]) -> AsyncIterator[Any]:
        """Yield tasks with their attributes, which a list may leave out by its description."""
        async for task in listing:
            if task.attributes is not None:
                yield task
                continue
            with suppress(NotFoundError):
                yield await self._fetch(given_sid(task.sid))

    async def newest(self, attribute: str) -> AsyncIterator[list[Found]]:
        """Yield all tasks in portions, those made last first."""
        pages = self._listing(ordering="DateCreated:desc", page_size=_PAGE_SIZE).pages()
        async for page in pages:
            yield [_found(task, attribute) for task in page.items]

    def created_since(self, attribute: str, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions the tasks of which events tell that they were made."""
        return self._told_of("task.created", attribute, since)

    def deleted_since(self, attribute: str, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions the tasks of which events tell that they were deleted."""
        return self._told_of("task.deleted", attribute, since)

    async def _told_of(
        self, event_type: str, attribute: str, since: datetime
    ) -> AsyncIterator[list[Found]]:
        listing = self._events.list(event_type=event_type, start_date=since, page_size=_PAGE_SIZE)
        async for page in listing.pages():
            found = []
            for event in page.items:
                told = event.event_data or {}
                sid = told.get("task_sid") or event.resource_sid
                key = _key(told.get("task_attributes"), attribute)
                found.append(Found(key, str(sid), event.event_date))
            yield found


def given_sid(sid: str) -> str:
    """Return a task's sid as the service gave it; that it is none is no mistake of the caller."""
    try:
        return TASK(sid)
    except ValueError as error:
        reason = f"the service gives a task another sid than documented: {error}"
    raise ProtocolError(reason, status=200, headers={})


def _found(task: Listed, attribute: str) -> Found:
    return Found(_key(task.attributes, attribute), task.sid, task.date_created)


def _key(attributes: Any, attribute: str) -> str | None:
    if isinstance(attributes, str):
        try:
            attributes = loads(attributes)
        except ValueError:
            return None
    key = attributes.get(attribute) if isinstance(attributes, dict) else None
    return key if isinstance(key, str) else None


def _made(attribute: str, key: str | None, answer: Answer) -> Found:
    """Return what an answer says that was made; without a sid it says nothing.

    That of another row has come here by mistake: of a cache, perhaps, or a proxy.
    """
    document = answer.decoded("a task", loads)
    sid = document.get("sid") if isinstance(document, dict) else None
    if not isinstance(sid, str) or not sid:
        raise answer.wrong(
            "the answer names no task", NotJsonError if document is None else DecodingError
        )
    if key is not None and _is_of_another(document.get("attributes"), attribute, key):
        raise answer.wrong("the answer is about the task of another row")
    return Found(None, sid, _moment(document.get("date_created")))


def _is_of_another(attributes: Any, attribute: str, key: str) -> bool:
    if isinstance(attributes, str) and f'"{attribute}":"{key}"' in attributes:
        return False  # as it was sent
    return _key(attributes, attribute) not in (None, key)


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
