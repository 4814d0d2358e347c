"""Lookups of a bulk run: the ways to find out what became of a row that was sent."""

import math
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from aiotask.bulk.item import Item

_PORTION = 1000


class Found(NamedTuple):
    """A resource that exists or existed: its key, its sid, its creation by the service's clock.

    *job* and *row* are the name of its job and the row's number, None where it does not carry them.
    *is_copy* tells that an audit has canceled it, because another one was there for its row.
    """

    key: str | None
    sid: str
    created: datetime | None
    job: str | None = None
    row: int | None = None
    is_copy: bool = False


class Matches:
    """The resources that a look has found, by key.

    *job* restricts them to one job, whose rows are told apart by their numbers, too; None is for
    keys that name one resource for ever.
    """

    def __init__(self, job: str | None) -> None:
        self._job = job
        self._by_key: dict[str, list[Found]] = {}

    def add(self, found: Iterable[Found]) -> None:
        """Add resources."""
        for each in found:
            if each.key is not None and (self._job is None or each.job in (None, self._job)):
                self._by_key.setdefault(each.key, []).append(each)

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def of(self, item: Item) -> Found | None:
        """Return the oldest resource of a row; the others are for an audit."""
        found = self._by_key.get(item.key or "", ())
        if self._job is not None:
            found = [each for each in found if each.row in (None, item.number)]
        return min(found, key=_age, default=None)


def _age(found: Found) -> float:
    return math.inf if found.created is None else found.created.timestamp()


async def portions(found: AsyncIterator[Found]) -> AsyncIterator[list[Found]]:
    """Yield resources in portions."""
    portion: list[Found] = []
    async for each in found:
        portion.append(each)
        if len(portion) >= _PORTION:
            yield portion
            portion = []
    yield portion


async def newest_date(lookup: "Lookup") -> float:
    """Return the creation of the latest resource, anybody's, by the service's clock."""
    async for found in lookup.newest():
        dates = [each.created.timestamp() for each in found if each.created]
        return max(dates, default=-math.inf)
    return -math.inf


class Lookup(Protocol):
    """Finds the resources of an operation that is not idempotent by the keys that they carry."""

    @abstractmethod
    async def is_there(self, sid: str) -> bool:
        """Whether the resource *sid* exists."""

    @abstractmethod
    async def by_keys(self, keys: Sequence[str]) -> list[Found]:
        """Return the resources that have one of these keys, by the service's index of now."""

    @abstractmethod
    def newest(self) -> AsyncIterator[list[Found]]:
        """Yield all resources in portions, the latest first."""

    @abstractmethod
    def of_job(self, job: str) -> AsyncIterator[Found]:
        """Yield the resources that carry the name of a job."""

    @abstractmethod
    def created_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions what events tell was created since then, even if it is gone."""

    @abstractmethod
    def copies_canceled_since(self, since: datetime) -> AsyncIterator[list[str]]:
        """Yield in portions the sids that events tell an audit has canceled since then."""
