"""Changes in bulk: operations that update or delete the resources that rows name."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from functools import partial
from os import PathLike
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from aiotask._answers import Answer
from aiotask._checks import checked, type_name
from aiotask._collection import Named, Place, form, nothing
from aiotask._hooks import Hooks
from aiotask._json import loads
from aiotask._paging import Paging
from aiotask._rate_limiter import RateLimiter
from aiotask._retry import RetryPolicy
from aiotask._service_time import Offsets
from aiotask._verbs import DELETE, UPDATE, Verb
from aiotask.bulk import (
    AnyOutcome,
    Deleted,
    Destination,
    Done,
    Failed,
    Item,
    Keys,
    OutcomeStream,
    Run,
    Settings,
    SharedJournal,
    SharedRun,
    Updated,
    is_shared,
    source_of,
)
from aiotask.bulk.fingerprint import fingerprint
from aiotask.bulk.outcomes import Effect, Unchanged
from aiotask.errors import (
    AiotaskError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PreconditionFailedError,
)
from aiotask.taskrouter._shown import differing, shown, wanted

R = TypeVar("R", bound=Named)
Row = TypeVar("Row")

REFUSALS = (BadRequestError, ConflictError, NotFoundError, PreconditionFailedError)
"""Refusals that are about the row, unless the workspace itself is not there."""


class Change(ABC, Generic[R]):
    """An operation that may be repeated, on one collection."""

    idempotent = True

    def __init__(self, place: Place[R], verb: str, limiter: RateLimiter) -> None:
        self.verb: str = f"{place.kind}.{verb}"
        self.path: str = place.url.raw_path
        self.limiter = limiter
        self.retry: RetryPolicy = place.session.retry
        self.hooks: Hooks = place.session.hooks
        self.service_time: Offsets = place.session.service_time
        self.most: int = place.session.max_connections
        self._place = place
        self._is_there = False

    @property
    def keys(self) -> Keys:
        """What tells a row from others of a job that many workers do."""
        return Keys(None)

    @abstractmethod
    def body(self, fields: Any, mark: Callable[[Any], Any]) -> bytes:
        """Return what is to be sent for a row, as it is now."""

    @abstractmethod
    async def send(self, item: Item) -> Done | Failed:
        """Carry out a row."""

    @property
    def destination(self) -> Destination:
        """The place of the resources."""
        return Destination(self._place.session.account, str(self._place.url.origin()))

    def lanes(self) -> Mapping[str, RateLimiter]:
        """Return the rate limiters of the client."""
        return self._place.session.connections.lanes

    def check(self) -> None:
        """Raise a ClientStateError if nothing can be sent from here and now."""
        self._place.session.check()

    def accepted(self, error: AiotaskError) -> bool:  # noqa: ARG002 - nothing is looked for
        """Return False: a row is sent again instead."""
        return False

    def fingerprint(self, row: Any) -> int | None:
        """Return what tells a row from others."""
        return fingerprint(row)

    async def check_there(self) -> None:
        """Raise a NotFoundError, which ends the run, where the workspace itself is not there."""
        if not self._is_there:
            await self._place.listing(Paging, {"limit": 1}).all()
            self._is_there = True


class SingleChange(Change[R]):
    """One request for each row, about a resource that exists."""

    http: ClassVar[Verb] = UPDATE
    effect: ClassVar[Effect] = Updated

    async def send(self, item: Item) -> Done | Failed:
        """Send a row's request, once."""
        sid, has_fields, fields = item.body.decode().partition("\n")
        if self.is_so(item):
            return Done(sid, None, Updated if item.may_be_done else Unchanged)
        read = partial(see_that_it_shows, sid) if has_fields else nothing
        body = fields.encode() if has_fields else None
        try:
            await self._place.session.send(
                self.http, self._place.at(sid), read, body, self.limiter, item.may_go
            )
        except REFUSALS as error:
            if isinstance(error, NotFoundError):
                await self.check_there()
            return await self.refused(item, sid, fields, error)
        return Done(sid, None, self.effect)

    def is_so(self, item: Item) -> bool:  # noqa: ARG002 - for subclasses
        """Whether the row itself shows that there is nothing to do."""
        return False

    @abstractmethod
    async def refused(
        self, item: Item, sid: str, fields: str, error: AiotaskError
    ) -> Done | Failed:
        """Return the end of a row whose request was refused."""

    def sid_of(self, row: Any) -> str:
        """Return the sid of a row that is one, or a resource."""
        if isinstance(row, str):
            return row
        if isinstance(row, self._place.resource):
            return row.sid
        kind = self._place.resource.__name__
        raise TypeError(f"a row is a sid or a {kind}, not {type_name(row)}")

    def checked(self, sid: Any) -> str:
        """Return a sid; a ValueError says why it is none."""
        checked(self._place.sid, sid)
        return str.__str__(sid)

    async def current(self, sid: str) -> R | None:
        """Return the resource, or None if the service has it no longer."""
        try:
            return await self._place.fetch(sid)
        except NotFoundError:
            await self.check_there()
            return None


class Update(SingleChange[R]):
    """Updates the resources that rows name by their ``sid``."""

    def __init__(self, place: Place[R], shape: type) -> None:
        super().__init__(place, "update", place.lane("update"))
        self._shape = shape

    def body(self, fields: Any, mark: Callable[[Any], Any]) -> bytes:  # noqa: ARG002 - no keys
        """Return the sid, and the form that makes the changes."""
        if not isinstance(fields, Mapping):
            wanted = "a row is a mapping of a sid and update's fields"
            raise TypeError(f"{wanted}, not {type_name(fields)}")
        if "sid" not in fields:
            raise TypeError("a row lacks its sid")
        changes = {name: value for name, value in fields.items() if name != "sid"}
        return b"%b\n%b" % (self.checked(fields["sid"]).encode(), form(self._shape, changes))

    def is_so(self, item: Item) -> bool:
        """Whether the row has no change."""
        return item.body.endswith(b"\n")

    async def refused(
        self, item: Item, sid: str, fields: str, error: AiotaskError
    ) -> Done | Failed:
        """Return the end of a row: the refusal may be that of a change which is made already.

        The service does not set a status twice, which an attempt before this one may have set, or
        a proxy that delivers a request twice.
        """
        doubtful, sets_status = item.may_be_done, "AssignmentStatus=" in fields
        if isinstance(error, NotFoundError) or not (doubtful or sets_status):
            return Failed(error, certain=not doubtful)
        current = await self.current(sid)
        if current is None:
            return Failed(error, certain=False)
        there = shown(self._shape, current, self._place.shown_as)
        if not differing(wanted(self._shape, fields), there):
            return Done(sid, None, Updated)
        # A status may have passed since; the service would refuse anything else as it did before.
        return Failed(error, certain=not (doubtful and sets_status))


class Deletion(SingleChange[R]):
    """Deletes the resources that rows name; one that is gone is deleted."""

    http = DELETE
    effect = Deleted

    def __init__(self, place: Place[R]) -> None:
        super().__init__(place, "delete", place.lane("delete"))

    def body(self, fields: Any, mark: Callable[[Any], Any]) -> bytes:  # noqa: ARG002 - no keys
        """Return the sid."""
        return self.checked(self.sid_of(fields)).encode()

    def fingerprint(self, row: Any) -> int | None:
        """Return what tells a sid from others: what else a listed row shows will change."""
        return fingerprint(self.sid_of(row))

    async def refused(
        self,
        item: Item,  # noqa: ARG002 - gone is deleted, whoever did it
        sid: str,
        fields: str,  # noqa: ARG002
        error: AiotaskError,
    ) -> Done | Failed:
        """Return the end of a row: one that is gone is deleted."""
        if isinstance(error, NotFoundError):
            return Done(sid, None, Deleted)
        return Failed(error)


def stream(
    operation: Change[Any],
    rows: Iterable[Row] | AsyncIterable[Row],
    journal: str | PathLike[str] | SharedJournal | None,
    job: str | None,
    max_in_flight: int | None,
    max_rate: float | None,
    settle: float = 60.0,
) -> OutcomeStream[AnyOutcome[Row]]:
    """Return the outcomes of a run of an operation that may be repeated."""
    settings = Settings(
        keys=Keys(None),
        journal=None if isinstance(journal, SharedJournal) else journal,
        job=job,
        max_in_flight=operation.most if max_in_flight is None else max_in_flight,
        max_rate=max_rate,
        settle=settle,
        fingerprint_of=operation.fingerprint,
    )
    if isinstance(journal, SharedJournal) or is_shared(journal):
        shared = journal if isinstance(journal, SharedJournal) else str(journal)
        place = operation.destination
        source, lanes = source_of(rows), operation.lanes
        settings = attrs.evolve(settings, keys=operation.keys)
        return SharedRun(source, operation, settings, None, shared, place, lanes).outcomes()
    if job is not None:
        raise ValueError("job: only a journal in PostgreSQL has jobs of a name")
    return Run(source_of(rows), operation, settings).outcomes()


def see_that_it_shows(sid: str, answer: Answer) -> None:
    """See that an answer is about a resource: a cache or a proxy may have mixed up answers."""
    document = answer.decoded("a resource", loads)
    if not isinstance(document, dict) or document.get("sid") != sid:
        raise answer.wrong("the answer does not show the resource that was changed")
