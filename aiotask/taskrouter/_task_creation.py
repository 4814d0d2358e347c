"""Creation of tasks in bulk: the operation that a run applies to each row."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from yarl import URL

from aiotask._answers import Answer
from aiotask._collection import form
from aiotask._json import REFUSALS, loads
from aiotask._rate_limiter import RateLimiter
from aiotask._retry import RetryPolicy
from aiotask._session import Session
from aiotask._verbs import CREATE
from aiotask.bulk import Done, Item
from aiotask.errors import AiotaskError, AnswerError, DecodingError, NotJsonError
from aiotask.taskrouter._task_lookup import key_in

_CREATED = 201


class _StrayAnswerError(DecodingError):
    """The answer belongs to another request: a cache or a proxy has mixed them up."""


class TaskCreation:
    """Creates a workspace's tasks; *attribute* holds their keys, None where they have none."""

    verb = "tasks.create"
    idempotent = False

    def __init__(
        self, session: Session, url: URL, shape: type, limiter: RateLimiter, attribute: str | None
    ) -> None:
        self.path = url.raw_path
        self.retry: RetryPolicy = session.retry
        self.limiter = limiter
        self.hooks = session.hooks
        self.service_time = session.service_time
        self._session = session
        self._url = url
        self._shape = shape
        self._attribute = attribute or ""

    def check(self) -> None:
        """Raise a ClientStateError if nothing can be sent from here and now."""
        self._session.check()

    def body(self, fields: Any, mark: Callable[[Any], Any]) -> bytes:
        """Return the form that creates a task of these fields."""
        if type(fields) is not dict and not isinstance(fields, Mapping):
            raise TypeError(f"a row is a mapping of create's fields, not {type(fields).__name__}")
        attributes = mark(fields.get("attributes", {}))
        if attributes or "attributes" in fields:
            fields = {**fields, "attributes": attributes}
        return form(self._shape, fields)

    async def send(self, item: Item) -> Done:
        """Create the row's task, once."""
        done = partial(_done, self._attribute, item.key)
        return await self._session.send(
            CREATE, self._url, done, item.body, self.limiter, item.may_go
        )

    def accepted(self, error: AiotaskError) -> bool:
        """Whether the answer was a 201, although it does not name the task.

        One that shows another row's task says nothing about this row.
        """
        if isinstance(error, _StrayAnswerError):
            return False
        return isinstance(error, AnswerError) and error.status == _CREATED


def _done(attribute: str, key: str | None, answer: Answer) -> Done:
    """Return the task that an answer shows; a cache or a proxy may have mixed up answers."""
    shown = answer.decoded("a task", _shown)
    if shown is None or not isinstance(shown.sid, str) or not shown.sid:
        kind = NotJsonError if shown is None else DecodingError
        raise answer.wrong("the answer names no task", kind)
    if key is not None and _is_of_another(shown.attributes, attribute, key):
        raise answer.wrong("the answer shows another row's task", _StrayAnswerError)
    return Done(shown.sid, _moment(shown.date_created))


class _Shown(msgspec.Struct):
    """What a run reads of a created task; to read all of it would take four times as long."""

    sid: Any = None
    attributes: Any = None
    date_created: Any = None


_straight = msgspec.json.Decoder(_Shown).decode


def _shown(body: bytes) -> _Shown | None:
    """Return what an answer shows, and None for null; a JsonSyntaxError says that it is no JSON."""
    if body.isascii():  # msgspec passes over the texts of other members, whatever they hold
        try:
            return _straight(body)
        except REFUSALS:
            pass  # another kind of document, or none
    document = loads(body)
    if isinstance(document, dict):
        return _Shown(*map(document.get, _Shown.__struct_fields__))
    return None if document is None else _Shown()


def _is_of_another(attributes: Any, attribute: str, key: str) -> bool:
    # The text as it was sent is the rule, and parsing it would take longer than all the rest.
    if isinstance(attributes, str) and f'"{attribute}":"{key}"' in attributes:
        return False
    return key_in(attributes, attribute) not in (None, key)


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
