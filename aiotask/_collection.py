"""Collections and singletons: the verbs that all resources share."""

import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import attrs
from multidict import istr
from yarl import URL

from aiotask._answers import Answer
from aiotask._bodies import decode
from aiotask._checks import Identifier, Sid, checked, header_value
from aiotask._encoding import JsonDocument, encode, json_text, urlencoded, wire_name
from aiotask._json import loads
from aiotask._operations import snake
from aiotask._paging import PAGING, Listing, list_query
from aiotask._rate_limiter import RateLimiter
from aiotask._session import Session
from aiotask._verbs import CREATE, DELETE, READ, UPDATE, Verb
from aiotask.errors import (
    AiotaskError,
    BadRequestError,
    NotFoundError,
    PreconditionFailedError,
    ProtocolError,
)

R = TypeVar("R")
Fields = Mapping[str, Any]

# A sid below the workspace's: all resources of its kind share one limit.
_OTHER_SID = re.compile("/(?!WS)[A-Z]{2}[0-9a-fA-F]{32}")
# Documented: three a second for a listing by an expression over attributes
# (https://www.twilio.com/en-us/changelog/taskrouter-endpoint-rate-limit-correction).
_EXPRESSION_RATE = 2.5

_ETAG = istr("ETag")


SidCheck = Sid | Identifier
"""The check of a sid, or of a name in its place."""


class _Endpoint(Generic[R]):
    """A path of the API and the class of its resource."""

    name: ClassVar[str]
    resource: type[R]

    def __init__(self, session: Session, parent: str) -> None:
        self._session = session
        self._path = f"{parent}/{self.name}"
        self._url = URL(self._path, encoded=True)
        self._operations = _OTHER_SID.sub("", self._path)

    def _lane(self, operation: str) -> RateLimiter:
        """Return an operation's rate limiter: the service limits each on its own, per workspace."""
        return self._session.lane(f"{operation} {self._operations}")

    def _decoded(self, answer: Answer) -> R:
        etag = answer.headers.get(_ETAG)
        return answer.decoded(
            f"a {self.resource.__name__}", lambda body: decode(body, self.resource, etag)
        )


@attrs.frozen
class Place(Generic[R]):
    """A collection as operations of bulk runs see it: what they send, and how they read it back."""

    kind: str
    resource: type[R]
    sid: SidCheck
    session: Session
    url: URL
    at: Callable[[str], URL]
    lane: Callable[[str], RateLimiter]
    decoded: Callable[[Answer], R]
    fetch: Callable[[str], Awaitable[R]]
    listing: Callable[[type, Fields], Listing[R]]
    shown_as: Mapping[str, tuple[str, ...]]


class Singleton(_Endpoint[R]):
    """A path with one resource, which has no sid: statistics."""

    def _fetch(self, shape: type, filters: Fields) -> Awaitable[R]:
        query = urlencoded(encode(shape, filters))
        url = URL(f"{self._path}?{query}", encoded=True) if query else self._url
        return self._session.request(READ, url, self._decoded, lane=self._lane("fetch"))

    async def _update(self, shape: type, changes: Fields) -> R:
        body, lane = form(shape, changes), self._lane("update")
        return await self._session.request(UPDATE, self._url, self._decoded, body, lane=lane)


class Collection(_Endpoint[R]):
    """Resources of one kind under one path; a subclass has the verbs that the API offers."""

    sid: ClassVar[SidCheck]
    # The name of the rows in a page, as its meta.key says.
    key: ClassVar[str]
    # Fields that a resource shows under other names than those they are set by.
    shown_as: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # A filter by an expression over attributes, which has a rate limit of its own.
    expression_filter: ClassVar[str | None] = None

    @property
    def _place(self) -> Place[R]:
        return Place(
            kind=snake(self.name),
            resource=self.resource,
            sid=self.sid,
            session=self._session,
            url=self._url,
            at=self._at,
            lane=self._lane,
            decoded=self._decoded,
            fetch=self._fetch,
            listing=self._list,
            shown_as=self.shown_as,
        )

    def _at(self, sid: str) -> URL:
        return URL(f"{self._path}/{checked(self.sid, sid)}", encoded=True)

    def _create(self, shape: type, fields: Fields) -> Awaitable[R]:
        body, lane = form(shape, fields), self._lane("create")
        return self._session.request(CREATE, self._url, self._decoded, body, lane=lane)

    def _fetch(self, sid: str) -> Awaitable[R]:
        url, lane = self._at(sid), self._lane("fetch")
        return self._session.request(READ, url, self._decoded, lane=lane)

    def _verb(self, changes: Fields) -> Verb:  # noqa: ARG002 - for subclasses
        """Return the verb of an update with *changes*: most may be repeated."""
        return UPDATE

    async def _update(
        self, sid: str, shape: type, changes: Fields, if_match: str | None = None
    ) -> R:
        url, etag = self._at(sid), _etag(if_match)
        body, verb, lane = form(shape, changes), self._verb(changes), self._lane("update")
        try:
            return await self._session.request(verb, url, self._decoded, body, etag, lane=lane)
        except (BadRequestError, NotFoundError, PreconditionFailedError) as error:
            if not error.maybe_applied:
                raise
            refused = error
        # An earlier attempt without an answer may have made this change and caused the refusal.
        try:
            current = await self._fetch(sid)
        except AiotaskError as error:
            raise refused from error
        if not self._shows(current, changes):
            raise refused
        return current

    async def _reach(self, sid: str, shape: type, changes: Fields, there: Callable[[R], bool]) -> R:
        """Change a resource; one that is *there* already is returned instead of the refusal.

        A resource that is gone is a NotFoundError, whether it was before or since.
        """
        try:
            return await self._update(sid, shape, changes)
        except BadRequestError as error:
            refused = error
        try:
            current = await self._fetch(sid)
        except NotFoundError:
            raise
        except AiotaskError as error:
            raise refused from error
        if not there(current):
            raise refused
        return current

    async def _delete(self, sid: str, if_match: str | None = None) -> None:
        url, etag, lane = self._at(sid), _etag(if_match), self._lane("delete")
        try:
            await self._session.request(DELETE, url, nothing, None, etag, lane=lane)
        except NotFoundError as error:
            if not error.maybe_applied:
                raise

    def _list(self, shape: type, filters: Fields) -> Listing[R]:
        sent = dict(filters)
        limit, page_size, cursor = (sent.pop(name, None) for name in PAGING)
        query = list_query(encode(shape, sent), limit, page_size, cursor)
        return Listing(
            self._session, self._path, query, self.resource, self.key, limit, self._list_lane(query)
        )

    def _list_lane(self, query: str) -> RateLimiter:
        by = self.expression_filter
        if by is None or f"{wire_name(by)}=" not in query:
            return self._lane("list")
        operation = f"list by expression {self._operations}"
        return self._session.lane(operation, _EXPRESSION_RATE)

    def _shows(self, current: R, changes: Fields) -> bool:
        """Whether a resource is as *changes* would leave it."""
        return all(
            any(
                _same(getattr(current, shown, None), value)
                for shown in self.shown_as.get(name, (name,))
            )
            for name, value in changes.items()
        )


class Named(Protocol):
    """A resource with a sid."""

    @property
    @abstractmethod
    def sid(self) -> str:
        """The name that the service gave it."""


class Tagged(Named, Protocol):
    """A resource with an ETag."""

    @property
    def etag(self) -> str | None:
        """The version, or None if the service gave none."""


V = TypeVar("V", bound=Tagged)


class Versioned(Collection[V]):
    """Resources with an ETag, which can be changed by their present state."""

    async def _modify(self, sid: str, shape: type, change: Callable[[V], Fields | None]) -> V:
        async def attempt() -> V:
            current = await self._fetch(sid)
            changes: Any = change(current)
            if not changes:
                return current
            if not isinstance(changes, Mapping):
                wrong = (
                    f"change must return a mapping of fields to set, not {type(changes).__name__}"
                )
                raise TypeError(wrong)
            return await self._update(sid, shape, changes, sendable_etag(current.etag))

        try:
            return await attempt()
        except PreconditionFailedError:
            again = self._session.retry.conflicts()
        return await again(attempt)


def form(shape: type, fields: Fields) -> bytes:
    """Return the body that sets *fields*; a TypeError or ValueError names a wrong one."""
    return urlencoded(encode(shape, fields)).encode()


def _same(shown: Any, sent: Any) -> bool:
    if isinstance(sent, datetime):
        return bool(shown == sent.replace(microsecond=0))
    if isinstance(sent, Mapping | JsonDocument):
        return bool(shown == loads(json_text(sent)))
    return bool(shown == sent)


def sendable_etag(etag: str | None) -> str:
    """Return an ETag that the service gave; a ProtocolError says that it gave none."""
    if not (etag and etag.isascii() and etag.isprintable()):
        raise ProtocolError(
            "the service gave no ETag that can be sent, so a change could undo another's",
            status=200,
            headers={},
        )
    return etag


def _etag(if_match: str | None) -> str | None:
    return None if if_match is None else header_value("if_match", if_match)


def nothing(answer: Answer) -> None:
    """Read the answer of a deletion: nothing, or any JSON."""
    if answer.body:
        answer.decoded("nothing", loads)
