"""Middlewares check callbacks in each framework, under a real server."""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from yarl import URL

from aiotask import Client, ConfigurationError
from aiotask.sandbox import Sandbox
from aiotask.webhooks import SignatureVerifier
from aiotask.webhooks.aiohttp import callback_middleware
from aiotask.webhooks.asgi import CallbackMiddleware
from tests.webhooks.frameworks import (
    FRAMEWORKS,
    Seen,
    in_aiohttp,
    in_fastapi,
    in_litestar,
    in_starlette,
    under_aiohttp,
    under_uvicorn,
)

TOKEN = "a-token-of-tests"
PUBLIC = "https://hooks.example.com"
FORM = "application/x-www-form-urlencoded"
EVENT = {"EventType": "task.created", "Sid": "EV" + "1" * 32}
SIDS = {
    "ReservationSid": "WR" + "1" * 32,
    "TaskSid": "WT" + "2" * 32,
    "WorkerSid": "WK" + "3" * 32,
    "WorkspaceSid": "WS" + "4" * 32,
}
PATHS = {"events": "/events", "assignments": ["/assigned"], "signed": "/calls"}

NO_EVENT = "the form is not an EventCallback: it lacks EventType"
NO_ASSIGNMENT = f"the form is not an AssignmentCallback: it lacks {', '.join(SIDS)}"

every_framework = pytest.mark.parametrize("name", FRAMEWORKS)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


def settings(**others: Any) -> dict[str, Any]:
    return {"verifier": SignatureVerifier(TOKEN), "origin": PUBLIC, **PATHS} | others


def signed(url: str, body: bytes, kind: str = FORM) -> dict[str, str]:
    signature = SignatureVerifier(TOKEN).sign(url, body, content_type=kind)
    return {"X-Twilio-Signature": signature, "Content-Type": kind}


async def answer(
    http: aiohttp.ClientSession, url: str, body: Any, headers: dict[str, str]
) -> tuple[int, bytes]:
    place = URL(url, encoded=True)
    async with http.post(place, data=body, headers=headers) as answered:
        return answered.status, await answered.read()


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "aiotask.webhooks"]


@every_framework
async def test_the_callbacks_of_a_service_reach_their_handlers_parsed(
    sandbox: Sandbox, client: Client, seen: Seen, name: str
) -> None:
    build, serve = FRAMEWORKS[name]
    app = build(seen, **settings(verifier=SignatureVerifier(sandbox.auth_token), origin=None))
    async with serve(app) as url:
        made = await client.taskrouter.workspaces.create(
            friendly_name="Hooks", template="FIFO", event_callback_url=f"{url}/events"
        )
        workspace = client.taskrouter.workspace(made.sid)
        (workflow,) = await workspace.workflows.list().all()
        await workspace.workflows.update(workflow.sid, assignment_callback_url=f"{url}/assigned")
        sandbox.create_worker(made.sid, "Ana")
        task = await workspace.tasks.create(attributes={"type": "support"})
        await sandbox.callbacks_sent()
        assert (await workspace.tasks.fetch(task.sid)).assignment_status == "assigned"
    assert sandbox.debugger == []
    assert set(sandbox.callbacks) == {"event answered", "assignment answered"}
    happened = {event.event_type for event in seen.events}
    assert {"task.created", "reservation.created", "reservation.accepted"} <= happened
    (assignment,) = seen.assignments
    assert (assignment.task_sid, assignment.task_attributes) == (task.sid, {"type": "support"})
    assert len(seen.bodies) == len(seen.events) + 1
    assert all(b"WorkspaceSid=" in body for body in seen.bodies)


@every_framework
async def test_what_is_no_callback_is_refused_with_a_reason_in_the_log_alone(
    seen: Seen, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    build, serve = FRAMEWORKS[name]
    event, assigned = urlencode(EVENT).encode(), urlencode(SIDS).encode()
    async with serve(build(seen, **settings())) as url:
        right = signed(f"{PUBLIC}/events?key=secret", event)
        events, place = f"{url}/events?key=secret", f"{PUBLIC}/assigned"
        assert await answer(http, events, event, right) == (204, b"")
        assert reasons(caplog) == []
        assert (seen.calls, seen.events[0].sid, seen.bodies) == (1, EVENT["Sid"], [event])
        assert await answer(http, events, event, {"Content-Type": FORM}) == (403, b"")
        assert await answer(http, events, event + b"x", right) == (403, b"")
        assert await answer(http, f"{url}/events?key=other", event, right) == (403, b"")
        assert await answer(http, f"{url}/assigned", event, signed(place, event)) == (400, b"")
        right = signed(f"{PUBLIC}/events", assigned)
        assert await answer(http, f"{url}/events", assigned, right) == (400, b"")
        async with http.get(f"{url}/events") as answered:
            assert answered.status in {403, 405}  # Litestar asks its router first
        async with http.get(f"{url}/health") as answered:
            assert answered.status == 200
    assert (seen.calls, seen.others) == (2, 1)
    differs = f"its signature is not one of this body at '{PUBLIC}/events', with its query, by"
    told = [
        "a callback to '/events' is answered with 403: it has no X-Twilio-Signature",
        f"a callback to '/events' is answered with 403: {differs} this token",
        f"a callback to '/events' is answered with 403: {differs} this token",
        f"a callback to '/assigned' is answered with 400: {NO_ASSIGNMENT}",
        f"a callback to '/events' is answered with 400: {NO_EVENT}",
    ]
    assert reasons(caplog)[:5] == told
    assert not {"secret", right["X-Twilio-Signature"], TOKEN} & set(caplog.text.split())


async def in_parts(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 50):
        yield body[start : start + 50]


@every_framework
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_long_is_answered_before_its_end(
    seen: Seen,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    name: str,
    declared: bool,  # noqa: FBT001
) -> None:
    build, serve = FRAMEWORKS[name]
    verifier = SignatureVerifier(TOKEN, max_body=100)
    async with serve(build(seen, **settings(verifier=verifier))) as url:
        for length, status in [(100, 204), (101, 413)]:
            body = (urlencode(EVENT) + "&Filler=").encode().ljust(length, b"x")
            headers = signed(f"{PUBLIC}/events", body)
            sent = body if declared else in_parts(body)
            assert await answer(http, f"{url}/events", sent, headers) == (status, b"")
    assert seen.calls == 1
    assert reasons(caplog) == [
        "a callback to '/events' is answered with 413: the body is longer than 100 bytes"
    ]


async def test_the_applications_own_limit_in_aiohttp_refuses_as_well(
    seen: Seen, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    app = in_aiohttp(seen, longest=100, **settings())
    async with under_aiohttp(app) as url:
        body = b"EventType=a&Filler=" + b"x" * 100
        headers = signed(f"{PUBLIC}/events", b"")
        assert await answer(http, f"{url}/events", body, headers) == (413, b"")
    assert "is answered with 413" in reasons(caplog)[0]


PROXY = {
    "X-Forwarded-Proto": "http, https",
    "X-Forwarded-Host": "hooks.example.com",
    "X-Forwarded-Prefix": "/team/",
}
BEHIND = f"{PUBLIC}/team/events?x=%2F"


@pytest.mark.parametrize("name", ["starlette", "quart", "aiohttp"])
@pytest.mark.parametrize(
    ("trusted", "status"),
    [
        ((), 403),
        (["10.0.0.0/8", "::1"], 403),
        ("127.0.0.1", 204),
        (["10.1.2.3", "127.0.0.0/8"], 204),
        ("*", 204),
    ],
)
async def test_the_headers_of_a_proxy_count_only_where_it_is_trusted(
    seen: Seen, http: aiohttp.ClientSession, name: str, trusted: Any, status: int
) -> None:
    build, serve = FRAMEWORKS[name]
    body = urlencode(EVENT).encode()
    app = build(seen, **settings(origin=None, trusted_proxies=trusted))
    async with serve(app) as url:
        headers = signed(BEHIND, body) | PROXY
        assert (await answer(http, f"{url}/events?x=%2F", body, headers))[0] == status
        headers = signed(f"{url}/events", body)  # without a proxy, its own address counts
        assert (await answer(http, f"{url}/events", body, headers))[0] == 204


async def test_an_origin_goes_before_all_headers(seen: Seen, http: aiohttp.ClientSession) -> None:
    body = urlencode(EVENT).encode()
    chosen = settings(origin=f"{PUBLIC}/team/", trusted_proxies="*")
    async with under_uvicorn(in_starlette(seen, **chosen)) as url:
        headers = signed(BEHIND, body) | {"X-Forwarded-Host": "evil.example"}
        assert (await answer(http, f"{url}/events?x=%2F", body, headers))[0] == 204


@pytest.mark.parametrize(
    ("age", "status", "reason"),
    [
        (0, 204, ""),
        (3600, 204, ""),
        (2 * 86400, 403, "s old, and max_age is 86400 s"),
        (None, 403, "it has no Timestamp, and max_age asks for one"),
    ],
)
async def test_a_recorded_callback_cannot_be_posted_again_for_ever(
    seen: Seen,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    age: int | None,
    status: int,
    reason: str,
) -> None:
    dated = {} if age is None else {"Timestamp": str(round(time.time() - age))}
    body = urlencode(EVENT | dated).encode()
    async with under_uvicorn(in_starlette(seen, **settings(max_age=86400))) as url:
        headers = signed(f"{PUBLIC}/events", body)
        assert await answer(http, f"{url}/events", body, headers) == (status, b"")
    assert all(reason in said for said in reasons(caplog))
    assert len(reasons(caplog)) == (status != 204)


async def test_events_of_event_streams_come_all_at_once(
    seen: Seen, http: aiohttp.ClientSession
) -> None:
    payloads = [{"eventtype": "task.created", "sid": f"EV{n}"} for n in range(3)]
    kind = "com.twilio.taskrouter.task.created"
    body = json.dumps([{"type": kind, "data": {"payload": each}} for each in payloads]).encode()
    path = f"/events?bodySHA256={hashlib.sha256(body).hexdigest()}"
    async with under_uvicorn(in_litestar(seen, **settings())) as url:
        headers = signed(PUBLIC + path, body, "application/json")
        assert await answer(http, url + path, body, headers) == (204, b"")
    assert [event.sid for event in seen.events] == ["EV0", "EV1", "EV2"]


async def test_other_requests_of_twilio_are_checked_and_left_as_they_are(
    http: aiohttp.ClientSession,
) -> None:
    said: list[bytes] = []

    async def called(request: Request) -> Response:
        said.append(await request.body())
        return Response()

    routes = [Route("/calls/{sid}", called, methods=["POST"])]
    app = CallbackMiddleware(Starlette(routes=routes), **settings())
    async with under_uvicorn(app) as url:
        headers = signed(f"{PUBLIC}/calls/CA1", b"CallStatus=completed")
        place = f"{url}/calls/CA1"
        assert (await answer(http, place, b"CallStatus=completed", headers))[0] == 200
        assert (await answer(http, place, b"CallStatus=busy", headers))[0] == 403
    assert said == [b"CallStatus=completed"]


@pytest.mark.parametrize("root", ["", "/team"])
async def test_an_application_may_be_mounted_below_a_path(
    seen: Seen, http: aiohttp.ClientSession, root: str
) -> None:
    app = Starlette(routes=[Mount("/hooks", in_fastapi(seen, **settings(origin=None)))])
    body = urlencode(EVENT).encode()
    async with under_uvicorn(app, root_path=root) as url:
        headers = signed(f"{url}{root}/hooks/events", body)
        assert (await answer(http, f"{url}/hooks/events", body, headers))[0] == 204
        assert (await answer(http, f"{url}/hooks/events", body, {}))[0] == 403


@every_framework
@pytest.mark.parametrize(
    ("paths", "place"),
    [
        ({"events": "/events", "assignments": "/"}, "/events"),
        ({"events": "/", "assignments": "/assigned"}, "/assigned"),
        ({"events": (), "assignments": "/assigned", "signed": "/"}, "/assigned"),
    ],
)
async def test_of_two_paths_the_longer_one_counts(
    seen: Seen, http: aiohttp.ClientSession, name: str, paths: dict[str, Any], place: str
) -> None:
    build, serve = FRAMEWORKS[name]
    body = urlencode(EVENT if place == "/events" else SIDS).encode()
    async with serve(build(seen, **settings(**{"signed": ()} | paths))) as url:
        found = await answer(http, url + place, body, signed(PUBLIC + place, body))
    assert found[0] < 300
    assert (seen.calls, len(seen.events), len(seen.assignments)) in {(1, 1, 0), (1, 0, 1)}


@pytest.mark.parametrize("path", ["//events", "/events/", "/%65vents", "/x/../events"])
@every_framework
async def test_no_spelling_of_a_path_leads_past_the_check(
    seen: Seen, http: aiohttp.ClientSession, name: str, path: str
) -> None:
    build, serve = FRAMEWORKS[name]
    async with serve(build(seen, **settings())) as url:
        status, _ = await answer(http, url + path, urlencode(EVENT).encode(), {})
    assert status >= 300
    assert seen.calls == 0


async def test_a_body_that_breaks_off_calls_nobody(
    seen: Seen, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    body = urlencode(EVENT).encode()
    async with under_uvicorn(in_starlette(seen, **settings())) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
        writer.write(b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nEventType=")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        headers = signed(f"{PUBLIC}/events", body)
        assert (await answer(http, f"{url}/events", body, headers))[0] == 204
    assert seen.calls == 1
    assert reasons(caplog) == []


async def test_a_peer_on_a_unix_socket_is_trusted_by_a_star_alone(
    seen: Seen, tmp_path: Path
) -> None:
    body, place = urlencode(EVENT).encode(), str(tmp_path / "socket")
    for trusted, status in [("127.0.0.1", 403), ("*", 204)]:
        app = in_aiohttp(seen, **settings(origin=None, trusted_proxies=trusted))
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.UnixSite(runner, place).start()
            headers = signed(BEHIND, body) | PROXY
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(place)) as local:
                found = await answer(local, "http://any/events?x=%2F", body, headers)
            assert found[0] == status
        finally:
            await runner.cleanup()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"events": (), "assignments": (), "signed": ()}, "no path to check"),
        ({"events": "events"}, "events: a path begins with /, unlike 'events'"),
        ({"signed": ["/a", "b"]}, "signed: a path begins with /, unlike 'b'"),
        ({"signed": "/events/"}, "signed: '/events/' is one of events already"),
        ({"assignments": "/events"}, "assignments: '/events' is one of events already"),
        ({"origin": "hooks.example.com"}, "origin must be as https://hooks.example.com"),
        ({"origin": "https://hooks.example.com?a=b"}, "origin must be as"),
        ({"trusted_proxies": ["proxy"]}, "trusted_proxies: 'proxy' does not appear to be"),
        ({"max_age": 0}, "max_age must be above 0 seconds, not 0"),
        ({"verifier": "token"}, "verifier must be a SignatureVerifier"),
    ],
)
def test_wrong_settings_are_told_at_once(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        CallbackMiddleware(None, **settings(**wrong))
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        callback_middleware(**settings(**wrong))
