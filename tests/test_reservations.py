"""Reservations: accepted and rejected once, and no call placed twice."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import aiotask
from tests.conftest import Reaction, answer

SID = "WR" + "1" * 32


def shows(status: str) -> bytes:
    return answer(
        msgspec.json.encode({"sid": SID, "reservation_status": status}), "200 OK", 'ETag: "1"'
    )


def refuses(status: int = 400, code: int = 20001) -> bytes:
    body = {"code": code, "message": "not currently pending", "status": status}
    return answer(msgspec.json.encode(body), f"{status} No")


async def reservations(serve: Callable[..., Any], view: str, *reactions: Reaction) -> Any:
    server, client = await serve(*reactions)
    workspace = client.taskrouter.workspace("WS" + "0" * 32)
    place = workspace.task("WT" + "2" * 32) if view == "task" else workspace.worker("WK" + "3" * 32)
    return server, place.reservations


VIEWS = pytest.mark.parametrize("view", ["task", "worker"])


@VIEWS
@pytest.mark.parametrize("now", ["accepted", "wrapping", "completed"])
async def test_what_is_accepted_already_is_accepted(
    serve: Callable[..., Any], view: str, now: str
) -> None:
    server, place = await reservations(serve, view, refuses(), shows(now))
    assert (await place.accept(SID)).reservation_status == now
    assert b"ReservationStatus=accepted" in server.requests[0]
    assert server.requests[1].startswith(b"GET ")


@VIEWS
@pytest.mark.parametrize("now", ["pending", "timeout", "rescinded", "rejected", "canceled"])
async def test_what_can_no_longer_be_accepted_is_the_services_refusal(
    serve: Callable[..., Any], view: str, now: str
) -> None:
    _, place = await reservations(serve, view, refuses(), shows(now))
    with pytest.raises(aiotask.BadRequestError, match="not currently pending"):
        await place.accept(SID)


async def test_a_reservation_that_is_gone_cannot_be_accepted(serve: Callable[..., Any]) -> None:
    server, place = await reservations(serve, "worker", refuses(404, 20404))
    with pytest.raises(aiotask.NotFoundError):
        await place.accept(SID)
    assert len(server.requests) == 1
    _, place = await reservations(serve, "worker", refuses(), refuses(404, 20404))
    with pytest.raises(aiotask.NotFoundError):
        await place.accept(SID)


async def test_a_refusal_stands_where_the_reservation_cannot_be_read(
    serve: Callable[..., Any],
) -> None:
    _, place = await reservations(serve, "worker", refuses(), answer(b"[]"))
    with pytest.raises(aiotask.BadRequestError) as caught:
        await place.accept(SID)
    assert isinstance(caught.value.__cause__, aiotask.DecodingError)


@VIEWS
async def test_a_worker_who_rejects_can_be_moved(serve: Callable[..., Any], view: str) -> None:
    server, place = await reservations(serve, view, shows("rejected"))
    assert (await place.reject(SID)).reservation_status == "rejected"
    await place.reject(SID, worker_activity_sid="WA" + "4" * 32)
    assert b"WorkerActivitySid" not in server.requests[0]
    assert f"&WorkerActivitySid=WA{'4' * 32}".encode() in server.requests[1]
    with pytest.raises(ValueError, match="worker_activity_sid: must be a sid: WA"):
        await place.reject(SID, worker_activity_sid="WK" + "4" * 32)


async def test_what_is_rejected_already_is_rejected(serve: Callable[..., Any]) -> None:
    _, place = await reservations(serve, "task", refuses(), shows("rejected"))
    assert (await place.reject(SID)).reservation_status == "rejected"
    _, place = await reservations(serve, "task", refuses(), shows("accepted"))
    with pytest.raises(aiotask.BadRequestError):
        await place.reject(SID)


@VIEWS
@pytest.mark.parametrize(
    "instruction", ["dequeue", "call", "redirect", "conference", "supervise", "hologram"]
)
async def test_an_instruction_that_moves_a_call_is_never_sent_twice(
    serve: Callable[..., Any], view: str, instruction: Any
) -> None:
    server, place = await reservations(serve, view, "close", shows("accepted"))
    with pytest.raises(aiotask.ConnectionLostError) as caught:
        await place.update(SID, instruction=instruction, from_="+15550100")
    assert caught.value.maybe_applied
    assert b"From=%2B15550100" in server.requests[0]
    assert len(server.requests) == 1


@VIEWS
@pytest.mark.parametrize(
    "changes",
    [
        {"reservation_status": "wrapping"},
        {"instruction": "accept"},
        {"instruction": "reject", "worker_activity_sid": "WA" + "4" * 32},
    ],
)
async def test_what_only_moves_the_reservation_is_sent_again(
    serve: Callable[..., Any], view: str, changes: dict[str, Any]
) -> None:
    server, place = await reservations(serve, view, "close", shows("wrapping"))
    assert (await place.update(SID, **changes)).etag == '"1"'
    assert len(server.requests) == 2


@VIEWS
async def test_modify_carries_the_etag_and_moves_no_call_twice(
    serve: Callable[..., Any], view: str
) -> None:
    server, place = await reservations(serve, view, shows("pending"), "close")
    with pytest.raises(aiotask.ConnectionLostError):
        await place.modify(SID, lambda found: {"instruction": "call", "call_to": found.sid})
    assert len(server.requests) == 2
    assert b'If-Match: "1"' in server.requests[1]
