"""Upserts in bulk: the operation that creates or updates the resources that rows name."""

import asyncio
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

import attrs

from aiotask._checks import type_name
from aiotask._collection import Named, Place, form, sendable_etag
from aiotask._encoding import field_types, urlencoded, wire_name
from aiotask._paging import Paging
from aiotask._rate_limiter import RateLimiter, Slot
from aiotask._retry import WithheldError
from aiotask._verbs import CREATE, UPDATE
from aiotask.bulk import Created, Done, Failed, Item, Keys, Unchanged, Updated
from aiotask.bulk.outcomes import Effect
from aiotask.errors import (
    AiotaskError,
    BadRequestError,
    NotFoundError,
    ProtocolError,
)
from aiotask.taskrouter._changes import REFUSALS, Change, see_that_it_shows
from aiotask.taskrouter._known_names import Known, KnownNames
from aiotask.taskrouter._shown import differing, shown, wanted

_BY_NAME = 20  # as many rows are looked up by name; of more, all that is there is listed
_PAGE = 1000
_CONFLICTS = 10  # changes by others, in a row, that one row puts up with


class Dated(Named, Protocol):
    """A resource with the dates of its creation and of its last change."""

    @property
    @abstractmethod
    def date_created(self) -> datetime | None:
        """The date of its creation."""

    @property
    @abstractmethod
    def date_updated(self) -> datetime | None:
        """The date of its last change."""


R = TypeVar("R", bound=Dated)


def _same(document: Any) -> Any:
    return document


@attrs.frozen(kw_only=True)
class Kind:
    """The rules of one kind of resource: the fields of a new one, and those that can be changed.

    *name* is the field that names it, and *filtered* the filters of a list, one of which is that
    field; without them, a name leads to the resource as a sid does. *unique* tells whether the
    service refuses a name that is taken, and *folded* gives what is the same for the same name.
    *meaning* brings a JSON document into its plainest form.
    """

    new: type
    changes: type
    filtered: type | None
    name: str = "friendly_name"
    unique: bool = True
    folded: Callable[[str], str] = str
    meaning: Callable[[Any], Any] = _same


@attrs.frozen
class Names(Keys):
    """The rule that a name has one row of a job; a name may hold what a key may not."""

    folded: Callable[[str], str] = str

    @property
    def has_own(self) -> bool:
        """Whether rows have keys that do not follow from their numbers."""
        return True

    def key_of(self, job: str, number: int, row: Any) -> str | None:  # noqa: ARG002
        """Return what tells a row's name from others; None for a wrong row, which is refused."""
        name = row.get(self.name) if isinstance(row, Mapping) else None
        if not isinstance(name, str):
            return None
        return blake2b(self.folded(name).encode(errors="replace"), digest_size=32).hexdigest()

    def taken(self, row: Any, key: object, number: int) -> ValueError:  # noqa: ARG002
        """Return the error of a row whose name another one has."""
        return ValueError(f"{self.name}: {row[self.name]!r} is the name of row {number:,} already")


class _Unpaced(RateLimiter):
    """Lets every row start: its requests are paced by their own operations."""

    async def acquire(self) -> Slot:
        return self.enter()


@attrs.define
class _Row:
    """A row under way: its name, and its fields, each as it was sent and as it is shown."""

    item: Item
    name: str
    fields: Mapping[str, tuple[str, str]]


class Upsert(Change[R]):
    """Creates what a row names, or changes it where it is there and otherwise than the row.

    A lost answer is settled by the name: what is there after it is compared like all else. Where
    names need not be unique, that waits for *settle* seconds, after which a request was carried out
    or never will be.
    """

    def __init__(self, place: Place[R], kind: Kind, settle: float) -> None:
        retry = place.session.retry
        super().__init__(place, "upsert", _Unpaced(retry.clock, retry.sleep))
        self._kind = kind
        self._settle = settle
        self._began = retry.clock()
        self._has_etags = "etag" in attrs.fields_dict(place.resource)  # type: ignore[arg-type]  # attrs
        self._known = KnownNames(self.path)
        self._listing = asyncio.Lock()
        self._is_listed = False
        self._looked = 0
        self._lost: dict[int, float] = {}  # when a create was lost, by the row's number

    @property
    def keys(self) -> Keys:
        """The names, by which a job of many workers has each row once."""
        return Names(None, name=self._kind.name, folded=self._kind.folded)

    def body(self, fields: Any, mark: Callable[[Any], Any]) -> bytes:  # noqa: ARG002 - no keys
        """Return the form that creates what a row names."""
        if not isinstance(fields, Mapping):
            raise TypeError(f"a row is a mapping of create's fields, not {type_name(fields)}")
        return form(self._kind.new, fields)

    async def send(self, item: Item) -> Done | Failed:
        """Look for what a row names, and create or change it unless it is so already."""
        fields = wanted(self._kind.new, item.body.decode(), self._kind.meaning)
        row = _Row(item, fields[self._kind.name][0], fields)
        first = self._known.first(self._kind.folded(row.name), item.number)
        if first != item.number:
            return self._wrong(f"{row.name!r} is the name of row {first:,} already")
        await self._settled(item)
        there = await self._find(row.name, fresh=item.may_be_done)
        refused: AiotaskError | None = None
        for _ in range(_CONFLICTS):
            if len(there) > 1:
                sids = ", ".join(each.sid for each in there)
                return self._wrong(f"{row.name!r} is the name of several: {sids}")
            try:
                if there:
                    return await self._changed(row, there[0])
                return await self._created(row)
            except WithheldError as error:
                item.tries += error.maybe_applied
                raise
            except REFUSALS as error:
                refused = error
                # Its own change may be why it was refused: one that was made by a lost attempt, or
                # one that a proxy delivered twice.
                item.tries += error.maybe_applied or bool(there)
            if isinstance(refused, NotFoundError):
                await self.check_there()
            elif isinstance(refused, BadRequestError) and there:
                break
            before, there = there, await self._find(row.name, fresh=True)
            # A name may be taken since it was looked for; a create is refused for nothing else.
            if not before and not there and not isinstance(refused, NotFoundError):
                break
        assert refused is not None  # noqa: S101 - for type checkers
        return Failed(refused)

    def _wrong(self, why: str) -> Failed:
        return Failed(ValueError(f"{self._kind.name}: {why}"))

    async def _settled(self, item: Item) -> None:
        """Wait until a create that may be under way was carried out, or never will be."""
        if not self._kind.unique:
            since = max(self._began, item.failed_at)
            earlier = since if item.from_earlier_run else -math.inf
            lost_at = self._lost.get(item.number, earlier)
            if (wait := lost_at + self._settle - self.retry.clock()) > 0:
                await self.retry.sleep(wait)

    async def _created(self, row: _Row) -> Done:
        place = self._place
        try:
            made = await place.session.request(
                CREATE,
                place.url,
                place.decoded,
                row.item.body,
                lane=place.lane("create"),
                may_go=row.item.may_go,
            )
        except AiotaskError as error:
            if error.maybe_applied:
                self._lost[row.item.number] = self.retry.clock()
            raise
        return Done(made.sid, made.date_created)

    async def _changed(self, row: _Row, there: Known) -> Done | Failed:
        """Change what is there, if it is otherwise than the row."""
        place, kind = self._place, self._kind
        different = differing(row.fields, there.texts)
        if different and not there.is_fresh:
            there = self._read(await place.fetch(there.sid), is_fresh=True)
            different = differing(row.fields, there.texts)
        if not different:
            return Done(there.sid, None, self._effect(row, there))
        if fixed := sorted(different - field_types(kind.changes).keys()):
            is_there = there.texts[fixed[0]][0]
            return Failed(ValueError(f"{fixed[0]}: cannot be changed: it is {is_there!r}"))
        try:
            etag = sendable_etag(there.etag) if self._has_etags else None
        except ProtocolError as error:
            return Failed(error)
        changes = [(wire_name(name), row.fields[name][0]) for name in sorted(different)]
        await place.session.request(
            UPDATE,
            place.at(there.sid),
            partial(see_that_it_shows, there.sid),
            urlencoded(changes).encode(),
            etag,
            lane=place.lane("update"),
            may_go=row.item.may_go,
        )
        return Done(there.sid, None, Updated)

    def _effect(self, row: _Row, there: Known) -> Effect:
        """Return what a row has done about a resource that is as the row wants it."""
        item = row.item
        if item.number in self._lost:
            return Created
        if item.tries:
            return Updated
        if not item.from_earlier_run:
            return Unchanged
        since = -math.inf if item.sent_at is None else math.floor(item.sent_at)
        if item.sent_at is not None and there.created is not None and there.created >= since:
            return Created
        return Unchanged if there.updated is not None and there.updated < since else Updated

    async def _find(self, name: str, *, fresh: bool) -> Sequence[Known]:
        """Return what has a name: as it is now, or else as it was when all was listed."""
        folded = self._kind.folded
        if not fresh:
            self._looked += 1
            await asyncio.sleep(0)  # where there are many rows, others come in this turn
            if self._looked > _BY_NAME:
                await self._list()
                return self._known.of(folded(name))
        if self._kind.filtered is None:
            try:
                return [self._read(await self._place.fetch(name), is_fresh=True)]
            except NotFoundError:
                await self.check_there()
                return []
        listing = self._place.listing(self._kind.filtered, {self._kind.name: name})
        return [
            self._read(each, is_fresh=not self._has_etags)
            for each in await listing.all()
            if folded(self._name_of(each)) == folded(name)
        ]

    async def _list(self) -> None:
        """Note all that is there, once."""
        async with self._listing:
            if self._is_listed:
                return
            self._known.clear()
            listing = self._place.listing(self._kind.filtered or Paging, {"page_size": _PAGE})
            async for page in listing.pages():
                self._known.add(
                    (self._kind.folded(self._name_of(each)), self._read(each))
                    for each in page.items
                )
            self._is_listed = True

    def _name_of(self, resource: R) -> str:
        return getattr(resource, self._kind.name) or ""

    def _read(self, resource: R, *, is_fresh: bool = False) -> Known:
        texts = shown(self._kind.new, resource, self._place.shown_as, self._kind.meaning)
        etag = getattr(resource, "etag", None)
        created, updated = (
            None if date is None else date.timestamp()
            for date in (resource.date_created, resource.date_updated)
        )
        return Known(resource.sid, texts, created, updated, etag, is_fresh)
