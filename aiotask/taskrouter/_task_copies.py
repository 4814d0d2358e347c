"""Surplus tasks that an audit has found: they are canceled as far as no worker has them."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import attrs

from aiotask.bulk import Finding
from aiotask.errors import BadRequestError, NotFoundError, PreconditionFailedError
from aiotask.taskrouter._task_lookup import COPY_REASON


class Changeable(Protocol):
    """The part of a task by which it is known to be untouched."""

    @property
    @abstractmethod
    def assignment_status(self) -> str | None:
        """Its state."""

    @property
    @abstractmethod
    def etag(self) -> str | None:
        """Its version."""


async def without_copies(
    finding: Finding,
    fetch: Callable[[str], Awaitable[Changeable]],
    update: Callable[..., Awaitable[Any]],
) -> Finding:
    """Cancel the tasks of a row after its first one, and return the finding as it is then."""

    async def cancel(sid: str) -> bool:
        try:
            copy = await fetch(sid)
            if copy.assignment_status != "pending" or copy.etag is None:
                return False
            await update(sid, if_match=copy.etag, assignment_status="canceled", reason=COPY_REASON)
        except (BadRequestError, NotFoundError, PreconditionFailedError):
            return False  # it was assigned or deleted meanwhile
        return True

    first, *later = finding.copies
    done = [attrs.evolve(copy, canceled=await cancel(copy.sid)) for copy in later]
    return attrs.evolve(finding, copies=(first, *done))
