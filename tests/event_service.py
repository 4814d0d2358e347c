"""A service with nothing but events, which are listed when a test says so."""

import bisect
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, NamedTuple, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

WORKSPACE = "WS" + "0" * 32
PATH = f"/v1/Workspaces/{WORKSPACE}/Events"
BEGIN = 1_700_000_000.0


class Happened(NamedTuple):
    at: int
    number: int
    listed_at: float

    @property
    def sid(self) -> str:
        return f"EV{self.number:032x}"


class EventService:
    """Lists events newest first, or *oldest_first*, by a clock that stands until it is moved."""

    def __init__(self, *, oldest_first: bool = False, tells_time: bool = True) -> None:
        self.now = BEGIN
        self.events: list[Happened] = []
        self.queries: list[dict[str, str]] = []
        self.failures: list[Callable[[web.Request], web.Response]] = []
        self._oldest_first = oldest_first
        self._tells_time = tells_time
        self._count = 0

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get(PATH, self._list)
        self._server = TestServer(application)
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    def happen(self, *, ago: float = 0.0, late: float = 0.0) -> str:
        """Record an event; a *late* one is listed so many seconds after it was recorded."""
        event = Happened(round(1000 * (self.now - ago)), self._count, self.now + late)
        self._count += 1
        bisect.insort(self.events, event)
        return event.sid

    async def _list(self, request: web.Request) -> web.Response:
        self.queries.append(dict(request.query))
        if self.failures:
            return self.failures.pop(0)(request)
        query = request.query
        end = _seconds(query.get("EndDate")) or int(self.now)
        start = _seconds(query.get("StartDate"))
        if start is None:
            start = end - 60 * int(query.get("Minutes", "15"))
        if start > end:
            return web.json_response({"code": 20001, "message": "no", "status": 400}, status=400)
        found = [
            event
            for event in self.events
            if start <= event.at // 1000 <= end and event.listed_at <= self.now
        ]
        if not self._oldest_first:
            found.reverse()
        if (token := query.get("PageToken")) is not None:
            places = [place for place, event in enumerate(found) if f"PA{event.sid}" == token]
            if not places:
                wrong = {"code": 21481, "message": "Invalid PageToken", "status": 400}
                return web.json_response(wrong, status=400)
            found = found[places[0] + 1 :]
        size = int(query.get("PageSize", "50"))
        page, more = found[:size], found[size:]
        following = request.url.update_query(PageToken=f"PA{page[-1].sid}") if more else None
        body = {
            "events": [_written(event) for event in page],
            "meta": {"key": "events", "next_page_url": following and str(following)},
        }
        headers = {"Date": formatdate(self.now, usegmt=True)} if self._tells_time else {"Date": "?"}
        return web.json_response(body, headers=headers)


def _seconds(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp())


def _written(event: Happened) -> dict[str, Any]:
    date = datetime.fromtimestamp(event.at // 1000, UTC)
    return {
        "sid": event.sid,
        "event_date": date.isoformat().replace("+00:00", "Z"),
        "event_date_ms": event.at,
        "event_type": "task.created",
    }
