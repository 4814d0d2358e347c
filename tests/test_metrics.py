"""Metrics of a client, as OpenTelemetry's SDK and Prometheus get them."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import prometheus_client
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from aiotask import AiotaskError, Client, RetryPolicy
from aiotask.metrics import instrument
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import NewTask, WorkspaceContext
from tests.conftest import answer

WORKSPACE = "WS" + "1" * 32
TASK = "WT" + "2" * 32
CREATE = {
    "aiotask.operation": "tasks.create",
    "http.route": "/v1/Workspaces/{WorkspaceSid}/Tasks",
}
FETCH = {
    "aiotask.operation": "tasks.fetch",
    "http.route": "/v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}",
}
MADE = answer(b'{"sid": "%s"}' % TASK.encode(), "201 Created")


class Meter:
    """Keeps what is measured."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader])

    def metrics(self) -> dict[str, Any]:
        measured = self.reader.get_metrics_data()
        if measured is None:
            return {}
        scopes = [scope for each in measured.resource_metrics for scope in each.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        metric = self.metrics().get(f"aiotask.{name}")
        points = [] if metric is None else metric.data.data_points
        return [(dict(each.attributes), each) for each in points]

    def values(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        return [(attributes, point.value) for attributes, point in self.points(name)]


@pytest.fixture
def meter() -> Iterator[Meter]:
    meter = Meter()
    yield meter
    meter.provider.shutdown()


async def test_requests_count_by_operation_and_how_they_ended(
    serve: Callable[..., Any], meter: Meter
) -> None:
    busy = answer(b"{}", "429 Too Many Requests", "Retry-After: 0")
    _, client = await serve("reset", busy, MADE, MADE, retry=RetryPolicy(base=0, throttled_base=0))
    for each in (client, client, client.with_options(timeout=60)):
        instrument(each, meter.provider)
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    await tasks.fetch(TASK)
    await tasks.create(attributes={})
    lost = FETCH | {"error.type": "ConnectionLostError"}
    refused = FETCH | {"http.response.status_code": 429}
    found = FETCH | {"http.response.status_code": 201}
    made = CREATE | {"http.response.status_code": 201}
    assert meter.values("client.requests") == [(lost, 1), (refused, 1), (found, 1), (made, 1)]
    assert meter.values("client.refusals") == [(FETCH, 1)]
    assert meter.values("client.retries") == [
        (lost, 1),
        (FETCH | {"error.type": "RateLimitError"}, 1),
    ]
    assert meter.values("client.in_flight") == [(FETCH, 0), (CREATE, 0)]


async def test_a_request_lasts_as_long_as_the_clock_says(
    serve: Callable[..., Any], meter: Meter
) -> None:
    now = 1000.0

    def slow(_: bytes) -> bytes:
        nonlocal now
        now += 0.3
        return MADE

    _, client = await serve(slow, retry=RetryPolicy(clock=lambda: now))
    instrument(client, meter.provider)
    await client.taskrouter.workspace(WORKSPACE).tasks.create()
    assert meter.metrics()["aiotask.client.request.duration"].unit == "s"
    ((attributes, point),) = meter.points("client.request.duration")
    assert attributes == CREATE | {"http.response.status_code": 201}
    assert point.sum == pytest.approx(0.3)
    assert max(point.explicit_bounds) == 10
    (filled,) = (place for place, count in enumerate(point.bucket_counts) if count)
    assert point.explicit_bounds[filled] == 0.5


async def test_what_is_given_up_is_in_flight_no_more(
    serve: Callable[..., Any], meter: Meter
) -> None:
    server, client = await serve("hang")
    instrument(client, meter.provider)
    call = asyncio.create_task(client.taskrouter.workspace(WORKSPACE).tasks.fetch(TASK))
    while not server.requests:
        await asyncio.sleep(0)
    assert meter.values("client.in_flight") == [(FETCH, 1)]
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    assert meter.values("client.in_flight") == [(FETCH, 0)]
    given_up = FETCH | {"error.type": "CancelledError"}
    assert meter.values("client.requests") == [(given_up, 1)]


async def test_rows_of_bulk_runs_count_by_their_outcomes(
    sandbox: Sandbox, client: Client, workspace: WorkspaceContext, meter: Meter
) -> None:
    instrument(client, meter.provider)
    rows = [NewTask(priority=n) for n in range(3)] + [{"priority": "high"}]
    made = [each async for each in workspace.tasks.create_many(rows)]
    assert len(made) == 4
    sids = [task.sid for task in await workspace.tasks.list().all()]
    assert len([each async for each in workspace.tasks.delete_many(sids)]) == 3
    assert sorted(meter.values("bulk.outcomes"), key=str) == [
        ({"aiotask.operation": "tasks.create", "aiotask.outcome": "Created"}, 3),
        ({"aiotask.operation": "tasks.create", "aiotask.outcome": "Rejected"}, 1),
        ({"aiotask.operation": "tasks.delete", "aiotask.outcome": "Deleted"}, 3),
    ]
    answered = {each["aiotask.operation"] for each, _ in meter.values("client.requests")}
    assert {"tasks.create", "tasks.delete", "tasks.list"} <= answered
    shown = str([each for name in meter.metrics() for each in meter.points(name[8:])])
    assert not any(sid in shown for sid in [*sids, sandbox.auth_token, sandbox.account_sid])


async def test_prometheus_has_the_names_that_the_readme_gives(
    client: Client, workspace: WorkspaceContext
) -> None:
    reader = PrometheusMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    try:
        instrument(client, provider)
        await workspace.tasks.create(attributes={})
        with pytest.raises(AiotaskError):
            await workspace.tasks.fetch(TASK)
        shown = prometheus_client.generate_latest().decode()
    finally:
        provider.shutdown()
    for line in [
        'aiotask_client_requests_total{aiotask_operation="tasks.create",',
        'http_response_status_code="404",',
        "aiotask_client_request_duration_seconds_bucket{",
        "aiotask_client_in_flight{",
    ]:
        assert line in shown


def test_without_its_extra_a_sentence_says_what_to_install() -> None:
    script = "import sys; sys.modules['opentelemetry'] = None; import aiotask.metrics"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: aiotask.metrics needs its extra: pip install 'aiotask[metrics]'"
    )


async def test_without_a_provider_the_global_one_measures(client: Client) -> None:
    instrument(client)
    assert await client.taskrouter.workspaces.list().all() == []
