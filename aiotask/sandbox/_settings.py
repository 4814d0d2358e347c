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
    """Address to serve on; this machine's own by default."""
    port: int
    """Port to serve on; 0, the default, is a free one."""
    account_sid: str
    """SID of the account, and a user name that is accepted."""
    auth_token: str
    """Password of the account."""
    api_key: str
    """Another user name that is accepted."""
    api_secret: str
    """Password of the API key."""
    client_id: str
    """Client of OAuth that gets access tokens."""
    client_secret: str
    """Secret of that client."""
    token_lifetime: float
    """Seconds until an access token ends; 3,600 by default."""
    latency: float
    """Seconds from the admission of a request to its execution; 0 by default."""
    rate: float | None
    """Requests a second beyond which there are 429; None is no limit."""
    in_flight: int | None
    """Requests at once beyond which there are 429; None is no limit."""
    expression_rate: float | None
    """Lists by an expression a second, as documented: 3; None is no limit."""
    retry_after: int | None
    """Seconds in the Retry-After of a 429; None, the default, sends none."""
    faults: float
    """Share of requests that get a random fault, 0 to 1; 0 by default."""
    fault_kinds: Sequence[FaultKind] | None
    """Kinds of random faults; None has those of FAULT_KINDS."""
    late: float
    """Longest delay of late faults, in seconds."""
    index_lag: float
    """Seconds before lists show what is new; 0 by default."""
    seed: int | None
    """Number that makes faults and SIDs repeatable."""
    clock: Clock
    """Function that returns the time, in seconds since 1970."""
    page_size_over_1000: OverlongPages
    """What too large a page is: refused, by default, or clamped."""
    unmatched: Unmatched
    """What becomes of a task that no filter takes: cancel, the default, or refuse."""
    worker_statistics: int | None
    """Number of workers above which they have no statistics; 100 by default, None for no limit."""
    routing: bool
    """Whether tasks are routed to workers; true by default."""
    closed_for: int
    """Seconds after which an ended task is deleted; 300 by default."""
    unanswered: Unanswered
    """What a task does whose offer was not answered: stay, the default, or advance."""
    callback_timeout: float | None
    """Seconds to wait for the answer to a callback; None has the documented ones."""
    callback_backlog: int
    """Largest number of events that wait for their receiver; 100,000 by default."""
    store: str | os.PathLike[str] | None
    """File that keeps all contents for the next sandbox; None keeps none."""
