"""Bulk creation: answers to its creates that are well-formed, and not for them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec
import pytest

from aiotask import Client, Created
from aiotask.bulk import KEY_ATTRIBUTE
from aiotask.taskrouter import NewTask
from tests.conftest import ACCOUNT, Clock, RawServer, answer

Show = Callable[[str], Any]


class Service:
    """A service that makes each task, and once shows the one before it instead.

    *show* changes the attributes that it shows of a task that it has just made.
    """

    def __init__(self, show: Show = str) -> None:
        self.made: list[str] = []
        self.mistaken = False
        self._show = show

    def __call__(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"POST"):
            (attributes,) = parse_qs(body.decode())["Attributes"]
            self.made.append(attributes)
            mistaken = len(self.made) > 1 and not self.mistaken
            self.mistaken |= mistaken
            shown = self._task(len(self.made) - 1 - mistaken)
            document = shown | {"attributes": self._show(shown["attributes"])}
            return answer(msgspec.json.encode(document), "201 Created")
        path = unquote(head.decode().split(" ")[1])
        name = "events" if "/Events" in path else "tasks"
        rows = [self._task(place) for place in range(len(self.made))] if name == "tasks" else []
        return answer(msgspec.json.encode({name: rows, "meta": {"key": name}}))

    def _task(self, place: int) -> dict[str, Any]:
        moment = "2026-11-22T10:00:00Z"
        sid = f"WT{place:032}"
        return {"sid": sid, "attributes": self.made[place], "date_created": moment}


async def create(service: Service, **settings: Any) -> dict[str, int]:
    """Return the sids that four rows were told, each with the row's number."""
    rows: list[NewTask] = [{"attributes": {"n": n}} for n in range(4)]
    async with RawServer(service) as server:
        place = Client(ACCOUNT, "x", base_url=server.url, retry=Clock().policy())
        async with place as client:
            tasks = client.taskrouter.workspace("WS" + "1" * 32).tasks
            many = tasks.create_many(rows, max_in_flight=1, settle=1, **settings)
            outcomes = [outcome async for outcome in many]
    told = {
        outcome.sid: outcome.row["attributes"]["n"]
        for outcome in outcomes
        if isinstance(outcome, Created)
    }
    assert len(told) == len(outcomes) == len(rows)
    return told


@pytest.mark.parametrize("settings", [{}, {"row_key": lambda row: f"CRM-{row['attributes']['n']}"}])
async def test_an_answer_about_the_task_of_another_row_is_none(settings: dict[str, Any]) -> None:
    service = Service()
    told = await create(service, **settings)
    assert service.mistaken
    assert told == {
        f"WT{place:032}": msgspec.json.decode(attributes)["n"]
        for place, attributes in enumerate(service.made)
    }


def spaced(attributes: str) -> str:
    return msgspec.json.format(attributes)


def without_key(attributes: str) -> str:
    document = msgspec.json.decode(attributes)
    del document[KEY_ATTRIBUTE]
    return msgspec.json.encode(document).decode()


@pytest.mark.parametrize(
    "show", [spaced, msgspec.json.decode, without_key, lambda _: None, lambda _: 7, lambda _: "{"]
)
async def test_an_answer_that_shows_no_other_key_is_believed(show: Show) -> None:
    service = Service(show)
    service.mistaken = True
    assert await create(service) == {f"WT{n:032}": n for n in range(4)}
