"""Neighbours of the API on its port: pages for browsers, and a record of requests."""

from typing import NamedTuple, Protocol

from aiohttp import web

from aiotask.sandbox.server.faults import FaultKind

MOST_EXCHANGES = 1_000


class Exchange(NamedTuple):
    """A request and its answer.

    *at* is in seconds since 1970 by the sandbox's clock. *status* is None where nothing was
    answered, and of no meaning where a *fault* broke the answer.
    """

    at: int
    method: str
    path: str
    status: int | None
    seconds: float
    fault: FaultKind | None


class Beside(Protocol):
    """Pages on the port of the API, outside of credentials, limits, faults and counts."""

    def takes(self, request: web.BaseRequest) -> bool:
        """Tell whether a request is for a page; all others are for the API."""
        ...

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request for a page."""
        ...
