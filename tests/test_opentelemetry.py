"""OpenTelemetry's own instrumentation of aiohttp on the requests of a client."""

import asyncio
import logging
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.aiohttp_client import (
    AioHttpClientInstrumentor,
    create_trace_config,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from yarl import URL

from aiotask import AiotaskError, Client
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import NewTask, WorkspaceContext
from tests.conftest import ACCOUNT, AT_ONCE, RawServer, Reaction, answer

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

WORKSPACE = "WS" + "1" * 32
TASK = "WT" + "2" * 32
QUEUE = "WQ" + "3" * 32
TOKEN = "secret-token"
ENCODED = b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
FOUND = answer(b'{"sid":"%b"}' % TASK.encode())
PAGE = answer(b'{"tasks":[],"meta":{"key":"tasks"}}')
TOO_MANY = answer(b"{}", "429 Too Many Requests", "Retry-After: 0")
DOWN = answer(b"{}", "503 Service Unavailable")


class Traced:
    """Keeps the spans that have ended, and the metrics; what is sent is not shown with a query."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        spans = TracerProvider(shutdown_on_exit=False)
        spans.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = spans.get_tracer("app")
        self.providers: dict[str, Any] = {
            "tracer_provider": spans,
            "meter_provider": MeterProvider([self._reader], shutdown_on_exit=False),
        }
        self.settings = self.providers | {"url_filter": lambda url: str(url.with_query(None))}

    def start(self, **settings: Any) -> None:
        """Trace every session of aiohttp that is made from here on."""
        AioHttpClientInstrumentor().instrument(**settings)

    def stop(self) -> None:
        """Trace none that is made from here on."""
        if AioHttpClientInstrumentor().is_instrumented_by_opentelemetry:
            AioHttpClientInstrumentor().uninstrument()

    def requests(self) -> list[ReadableSpan]:
        """Return the spans of requests, in the order in which they ended, and forget them."""
        spans = self._exporter.get_finished_spans()
        self._exporter.clear()
        return [span for span in spans if span.kind is trace.SpanKind.CLIENT]

    def points(self) -> list[HistogramDataPoint]:
        """Return what was measured."""
        measured = self._reader.get_metrics_data()
        assert measured is not None
        return [
            point
            for resource in measured.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
            if isinstance(point, HistogramDataPoint)
        ]


@pytest.fixture(autouse=True)
def traced() -> Iterator[Traced]:
    traced = Traced()
    traced.start(**traced.settings)
    yield traced
    traced.stop()
    for provider in traced.providers.values():
        provider.shutdown()


def known(span: ReadableSpan | HistogramDataPoint, *names: str) -> Any:
    """Return an attribute, which has one name by the old conventions and one by the new."""
    attributes = span.attributes or {}
    return next((attributes[each] for each in names if each in attributes), None)


def method_of(span: ReadableSpan) -> Any:
    return known(span, "http.request.method", "http.method")


def url_of(span: ReadableSpan) -> Any:
    return known(span, "url.full", "http.url")


def status_of(span: ReadableSpan | HistogramDataPoint) -> Any:
    return known(span, "http.response.status_code", "http.status_code")


def own(spans: list[ReadableSpan]) -> list[tuple[int, int]]:
    contexts = [span.get_span_context() for span in spans]
    return [(context.trace_id, context.span_id) for context in contexts if context is not None]


def told_to(server: RawServer) -> list[tuple[int, int]]:
    """Return the trace and the span that each request named, exactly once."""
    named = [
        re.findall(rb"\r\ntraceparent: 00-(\w{32})-(\w{16})-\w\w\r\n", each)
        for each in server.requests
    ]
    return [(int(whole, 16), int(part, 16)) for ((whole, part),) in named]


def shown_in(spans: list[ReadableSpan], *secrets: str) -> list[str]:
    shown = "".join(span.to_json() for span in spans)
    return [each for each in (TOKEN, ENCODED, "Personal", "Basic", *secrets) if each in shown]


async def every(items: Any) -> list[Any]:
    return [item async for item in items]


CALLS: dict[str, tuple[str, Callable[[WorkspaceContext, str], Awaitable[Any]]]] = {
    "create": ("POST", lambda place, _: place.tasks.create(attributes={"name": "Ana Personal"})),
    "create_many": ("POST", lambda place, _: every(place.tasks.create_many([NewTask()]))),
    "fetch": ("GET", lambda place, sid: place.tasks.fetch(sid)),
    "update": ("POST", lambda place, sid: place.tasks.update(sid, priority=5)),
    "delete": ("DELETE", lambda place, sid: place.tasks.delete(sid)),
    "cancel": ("POST", lambda place, sid: place.tasks.cancel(sid, "Ana Personal")),
    "list": ("GET", lambda place, _: place.tasks.list(task_queue_name="Ana Personal").all()),
    "pages": ("GET", lambda place, _: every(place.tasks.list(limit=1).pages())),
    "statistics": ("GET", lambda place, _: place.statistics.fetch(minutes=5)),
    "query": (
        "POST",
        lambda place, _: place.task_queues.bulk_real_time_statistics.create(queue_sids=[QUEUE]),
    ),
}


@pytest.mark.parametrize("call", CALLS)
async def test_every_attempt_of_every_verb_is_a_span_below_the_callers(
    traced: Traced, sandbox: Sandbox, workspace: WorkspaceContext, call: str
) -> None:
    task = await workspace.tasks.create()
    traced.requests()
    method, made = CALLS[call]
    sandbox.faults.next(method, "", "before_429")
    with traced.tracer.start_as_current_span("caller") as caller:
        await made(workspace, task.sid)
        assert trace.get_current_span() is caller
    refused, done = spans = traced.requests()
    assert [method_of(span) for span in spans] == [method, method]
    assert (status_of(refused), status_of(done) // 100) == (429, 2)
    assert url_of(refused) == url_of(done)
    assert url_of(done).startswith(f"{sandbox.url}/v1/Workspaces/")
    assert [span.parent for span in spans] == [caller.get_span_context()] * 2
    assert shown_in(spans, sandbox.auth_token) == []


@pytest.mark.parametrize("reactions", [(FOUND,), (DOWN, FOUND), ("reset", FOUND)])
async def test_the_server_is_told_the_span_of_each_attempt(
    traced: Traced, serve: Serve, reactions: tuple[Reaction, ...]
) -> None:
    server, client = await serve(*reactions)
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    await tasks.fetch(TASK)
    await tasks.update(TASK, priority=5)
    spans = own(traced.requests())
    assert told_to(server) == spans
    assert len(set(spans)) == len(reactions) + 1


@pytest.mark.parametrize(
    ("reaction", "named"),
    [
        ("reset", "DisconnectedError"),
        ("hang", "CancelledError"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "ClientResponseError"),
    ],
    ids=["reset", "no answer", "not HTTP"],
)
@pytest.mark.parametrize("verb", ["create", "fetch", "delete"])
async def test_an_attempt_that_has_no_answer_is_a_span_that_failed(
    traced: Traced, serve: Serve, verb: str, reaction: Reaction, named: str
) -> None:
    _, client = await serve(reaction, timeout=aiohttp.ClientTimeout(total=0.05))
    place = client.taskrouter.workspace(WORKSPACE)
    with pytest.raises(AiotaskError) as caught:
        await CALLS[verb][1](place, TASK)
    spans = traced.requests()
    assert len(spans) == caught.value.attempts
    assert {span.status.status_code for span in spans} == {trace.StatusCode.ERROR}
    assert all((span.status.description or "").endswith(named) for span in spans)
    assert shown_in(spans) == []


async def test_a_query_is_shown_where_nobody_takes_it_away(traced: Traced, serve: Serve) -> None:
    traced.stop()
    traced.start(**traced.providers)
    _, client = await serve(PAGE)
    await client.taskrouter.workspace(WORKSPACE).tasks.list(task_queue_name="Support").all()
    (span,) = traced.requests()
    assert URL(url_of(span)).query["TaskQueueName"] == "Support"


async def test_headers_are_shown_without_credentials_where_those_are_named_as_sensitive(
    monkeypatch: pytest.MonkeyPatch, traced: Traced, serve: Serve
) -> None:
    prefix = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS"
    monkeypatch.setenv(f"{prefix}_CLIENT_REQUEST", ".*")
    monkeypatch.setenv(f"{prefix}_SANITIZE_FIELDS", "authorization")
    traced.stop()
    traced.start(**traced.settings)
    _, client = await serve(FOUND)
    await client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    (span,) = traced.requests()
    assert known(span, "http.request.header.accept") == ("application/json",)
    assert known(span, "http.request.header.authorization") == ("[REDACTED]",)
    assert shown_in([span]) == []


async def test_a_callers_own_session_can_be_the_one_that_is_traced(
    traced: Traced, serve: Serve
) -> None:
    traced.stop()
    server, _ = await serve(DOWN, FOUND)
    tracing = create_trace_config(**traced.settings)
    async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
        client = Client(ACCOUNT, TOKEN, base_url=server.url, session=session, retry=AT_ONCE)
        with traced.tracer.start_as_current_span("caller") as caller:
            await client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    spans = traced.requests()
    assert [status_of(span) for span in spans] == [503, 200]
    assert [span.parent for span in spans] == [caller.get_span_context()] * 2
    assert told_to(server) == own(spans)


async def test_a_client_is_traced_that_is_entered_while_aiohttp_is_instrumented(
    traced: Traced, serve: Serve
) -> None:
    server, early = await serve(FOUND)
    traced.stop()
    assert not hasattr(aiohttp.ClientSession.__init__, "__wrapped__")
    client = Client(ACCOUNT, TOKEN, base_url=server.url)
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    async with client:
        await tasks.fetch(TASK)
    assert (traced.requests(), server.requests[0].count(b"traceparent")) == ([], 0)
    traced.start(**traced.settings)
    async with client:
        await tasks.fetch(TASK)
    await early.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    assert len(traced.requests()) == 2
    assert early._session.connections.http is not None
    AioHttpClientInstrumentor.uninstrument_session(early._session.connections.http)
    await early.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK)
    assert traced.requests() == []


async def test_how_long_each_attempt_took_is_measured(traced: Traced, serve: Serve) -> None:
    _, client = await serve(TOO_MANY, TOO_MANY, FOUND)
    await client.taskrouter.workspace(WORKSPACE).tasks.create()
    points = traced.points()
    assert {status_of(point): point.count for point in points} == {429: 2, 200: 1}
    assert {known(point, "http.request.method", "http.method") for point in points} == {"POST"}


async def test_calls_at_once_and_calls_given_up_are_told_apart(
    traced: Traced, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    _, client = await serve(lambda _: FOUND, max_connections=3)
    stuck, hanging = await serve("hang")
    tasks = client.taskrouter.workspace(WORKSPACE).tasks

    async def one() -> int:
        with traced.tracer.start_as_current_span("caller") as caller:
            await tasks.fetch(TASK)
            assert trace.get_current_span() is caller
            return caller.get_span_context().span_id

    async def given_up() -> int:
        with traced.tracer.start_as_current_span("caller") as caller:
            place = hanging.taskrouter.workspace(WORKSPACE)
            call = asyncio.ensure_future(place.tasks.list().all())
            while len(stuck.requests) < 5:
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert trace.get_current_span() is caller
            return caller.get_span_context().span_id

    with caplog.at_level(logging.WARNING, "opentelemetry"):
        callers = await asyncio.gather(*(one() for _ in range(20)), *(given_up() for _ in range(5)))
        await client.close()
        await hanging.close()
    spans = traced.requests()
    assert sorted(span.parent.span_id for span in spans if span.parent) == sorted(callers)
    assert [record.getMessage() for record in caplog.records] == []
