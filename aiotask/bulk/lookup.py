"""Lookups of a bulk run: the ways to find out what became of a row that was sent."""

import math
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """A resource that exists: its key, its sid, its creation by the service's clock, its job.

    *is_copy* tells that an audit has canceled it, because another one was there for its row.
    """

    key: str | None
    sid: str
    created: datetime | None
    job: str | None = None
    is_copy: bool = False


def keep_first(there: dict[str, Found], found: Iterable[Found]) -> dict[str, Found]:
    """Keep the oldest resource of each key in *there*; the others are for an audit."""
    for each in found:
        if each.key is not None:
            known = there.get(each.key)
            if known is None or _age(each) < _age(known):
                there[each.key] = each
    return there


def _age(found: Found) -> float:
    return math.inf if found.created is None else found.created.timestamp()


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

    @abstractmethod
    def deleted_since(self, since: datetime) -> AsyncIterator[list[Found]]:
        """Yield in portions what events tell was deleted since then."""
