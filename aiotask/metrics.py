"""Metrics of a client by OpenTelemetry (extra ``metrics``)."""

from typing import Any
from weakref import WeakSet

from aiotask._client import Client
from aiotask._hooks import Hooks
from aiotask._version import __version__

try:
    from opentelemetry.metrics import MeterProvider, get_meter_provider
except ModuleNotFoundError as _missing:
    if (_missing.name or "").partition(".")[0] != "opentelemetry":
        raise
    raise ImportError("aiotask.metrics needs its extra: pip install 'aiotask[metrics]'") from None

__all__ = ["instrument"]

# Those of http.client.request.duration in OpenTelemetry's conventions.
_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
_OPERATION = "aiotask.operation"
_TOO_MANY_REQUESTS = 429

_instrumented: WeakSet[Hooks] = WeakSet()


def instrument(client: Client, meter_provider: MeterProvider | None = None) -> None:
    """Measure what a client does from now on, with a meter called ``aiotask``.

    *meter_provider* is by default the global one. A second call for a client, or for a
    view on it, does nothing.

    =============================== ============= ==============================
    name                            kind, unit    attributes
    =============================== ============= ==============================
    aiotask.client.requests         counter       operation, route, status or error
    aiotask.client.request.duration histogram, s  the same
    aiotask.client.in_flight        up and down   operation, route
    aiotask.client.refusals         counter       operation, route
    aiotask.client.retries          counter       operation, route, error
    aiotask.bulk.outcomes           counter       operation, outcome
    =============================== ============= ==============================

    The attributes are ``aiotask.operation`` (``tasks.create``), ``http.route``
    (``/v1/Workspaces/{WorkspaceSid}/Tasks``), ``http.response.status_code`` of an answer,
    ``error.type`` where none came, or of what is repeated (the class of the error), and
    ``aiotask.outcome`` (``Created``, ``Rejected``, ...). None of them holds a sid.

    A refusal is an answer with 429. A request counts when it ends; one that is given up counts,
    too, with ``CancelledError``.
    """
    if client.hooks in _instrumented:
        return
    _instrumented.add(client.hooks)
    provider = get_meter_provider() if meter_provider is None else meter_provider
    meter = provider.get_meter("aiotask", __version__)
    requests = meter.create_counter(
        "aiotask.client.requests", "{request}", "Requests that were answered or failed"
    )
    duration = meter.create_histogram(
        "aiotask.client.request.duration",
        "s",
        "Seconds from a request to its whole answer, or its failure",
        explicit_bucket_boundaries_advisory=_BUCKETS,
    )
    in_flight = meter.create_up_down_counter(
        "aiotask.client.in_flight", "{request}", "Requests without an answer yet"
    )
    refusals = meter.create_counter("aiotask.client.refusals", "{answer}", "Answers with 429")
    retries = meter.create_counter(
        "aiotask.client.retries", "{request}", "Repetitions of calls, and of rows of bulk runs"
    )
    outcomes = meter.create_counter(
        "aiotask.bulk.outcomes", "{row}", "Rows of bulk runs whose outcome became known"
    )

    def on_request(_method: str, _url: str, /, *, operation: str, route: str) -> None:
        in_flight.add(1, _named(operation, route))

    def ended(named: dict[str, Any], how: dict[str, Any], seconds: float) -> None:
        in_flight.add(-1, named)
        requests.add(1, named | how)
        duration.record(seconds, named | how)

    def on_response(
        _method: str, _url: str, status: int, seconds: float, /, *, operation: str, route: str
    ) -> None:
        named = _named(operation, route)
        ended(named, {"http.response.status_code": status}, seconds)
        if status == _TOO_MANY_REQUESTS:
            refusals.add(1, named)

    def on_error(
        _method: str,
        _url: str,
        error: BaseException,
        seconds: float,
        /,
        *,
        operation: str,
        route: str,
    ) -> None:
        ended(_named(operation, route), _error(error), seconds)

    def on_retry(
        _attempt: int, _delay: float, reason: BaseException, /, *, operation: str, route: str
    ) -> None:
        retries.add(1, _named(operation, route) | _error(reason))

    def on_outcome(verb: str, outcome: object) -> None:
        outcomes.add(1, {_OPERATION: verb, "aiotask.outcome": type(outcome).__name__})

    client.hooks.add(on_request, on_response, on_retry, on_error)
    client.hooks.outcomes.append(on_outcome)


def _named(operation: str, route: str) -> dict[str, Any]:
    return {_OPERATION: operation, "http.route": route}


def _error(error: BaseException) -> dict[str, Any]:
    return {"error.type": type(error).__name__}
