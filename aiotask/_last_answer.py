"""Last answer of a call, for callers that want its status and headers beside its value."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from inspect import isawaitable
from typing import Generic, TypeVar

import attrs
from multidict import CIMultiDict

from aiotask._answers import Headers
from aiotask.errors import ClientStateError

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Answered(Generic[T]):
    """The value of a call, and of its last answer the status, the headers and the request id.

    ``request_id`` is the ``Twilio-Request-Id``, by which Twilio's support finds a request.
    """

    value: T
    """Result of the call."""
    status: int
    """HTTP status of the last answer."""
    headers: CIMultiDict[str]
    """Headers of the last answer."""
    request_id: str | None
    """Header ``Twilio-Request-Id``, by which Twilio's support finds the request."""


class _Record:
    """The last answer to whom it belongs, within one call."""

    __slots__ = ("headers", "owner", "status")

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.status: int | None = None
        self.headers: Headers = CIMultiDict()


# A task has a context of its own, and so has each of those that it starts.
_RECORD: ContextVar[_Record | None] = ContextVar("aiotask_last_answer", default=None)
_recorded = _RECORD.get


def note(owner: object, status: int, headers: Headers) -> None:
    """Note an answer, if a call of its *owner* wants its last one."""
    if (record := _recorded()) is not None and record.owner is owner:
        record.status, record.headers = status, headers


async def answered(owner: object, call: Callable[[], Awaitable[T]]) -> Answered[T]:
    """Make a call, and return its value with its last answer by the *owner*."""
    record = _Record(owner)
    token = _RECORD.set(record)
    try:
        made = call()
        if not isawaitable(made):
            raise TypeError(
                "raw takes a function whose result can be awaited, such as lambda: tasks.fetch(sid)"
                f" or lambda: tasks.list().all(); not one that gives a {type(made).__name__}"
            )
        value = await made
    finally:
        _RECORD.reset(token)
    if record.status is None:
        raise ClientStateError("the call ended without an answer to this client")
    note(owner, record.status, record.headers)  # a call around this one has the same answer
    headers = CIMultiDict(record.headers)
    headers.popall("Set-Cookie", None)
    return Answered(
        value=value,
        status=record.status,
        headers=headers,
        request_id=headers.get("Twilio-Request-Id"),
    )
