"""Settings of a sandbox as a type, for functions that pass them on."""

import os
from collections.abc import Sequence
from typing import TypedDict

from aiotask.sandbox.clock.rate_window import Clock
from aiotask.sandbox.model.account import OverlongPages, Unanswered, Unmatched
from aiotask.sandbox.server.faults import FaultKind


class SandboxSettings(TypedDict, total=False):
    """The settings of a `Sandbox`, whose docstring explains them."""

    host: str
    port: int
    account_sid: str
    auth_token: str
    api_key: str
    api_secret: str
    client_id: str
    client_secret: str
    token_lifetime: float
    latency: float
    rate: float | None
    in_flight: int | None
    expression_rate: float | None
    retry_after: int | None
    faults: float
    fault_kinds: Sequence[FaultKind] | None
    late: float
    index_lag: float
    seed: int | None
    clock: Clock
    page_size_over_1000: OverlongPages
    unmatched: Unmatched
    worker_statistics: int | None
    routing: bool
    closed_for: int
    unanswered: Unanswered
    callback_timeout: float | None
    callback_backlog: int
    store: str | os.PathLike[str] | None
