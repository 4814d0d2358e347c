"""Fault injection: fault kinds, and the choice of requests to break."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from random import Random
from typing import Literal, NamedTuple, get_args

FaultKind = Literal[
    "after_500",
    "after_502",
    "after_503",
    "after_504",
    "after_empty",
    "after_hang",
    "after_no_sid",
    "after_not_json",
    "after_reset",
    "after_truncated",
    "before_429",
    "before_500",
    "before_502",
    "before_503",
    "before_504",
    "before_hang",
    "before_reset",
    "late_hang",
    "late_reset",
]
"""A moment and an effect.

A fault strikes *before* the service executes the request, *after* it (only the answer is lost), or
the request is executed *late*, when the client has already seen the effect.

``reset`` aborts the connection and ``hang`` never answers. ``429`` is a refusal, ``500`` and
``503`` are errors of the service, ``502`` and ``504`` pages of a gateway. ``truncated`` cuts the
body in the middle, ``not_json`` replaces it by a page, ``no_sid`` by an empty object, ``empty`` by
nothing; an answer without a body stays as it is with the last two.
"""

Moment = Literal["before", "after", "late"]
Effect = Literal[
    "429",
    "500",
    "502",
    "503",
    "504",
    "empty",
    "hang",
    "no_sid",
    "not_json",
    "reset",
    "truncated",
]


class Fault(NamedTuple):
    """A fault kind in its two parts."""

    moment: Moment
    effect: Effect

    @classmethod
    def parse(cls, kind: str) -> "Fault":
        """Return the parts of a kind; a ValueError if it has none that are known."""
        for moment in get_args(Moment):
            for effect in get_args(Effect):
                if kind == f"{moment}_{effect}":
                    return cls(moment, effect)
        raise ValueError(f"unknown fault kind {kind!r}")


FAULTS: Mapping[FaultKind, Fault] = {kind: Fault.parse(kind) for kind in get_args(FaultKind)}

FAULT_KINDS: tuple[FaultKind, ...] = tuple(
    kind for kind, fault in FAULTS.items() if fault.moment != "late"
)
"""The kinds that need no other setting: all but the late ones."""


class _Scripted(NamedTuple):
    method: str
    path: str
    kind: FaultKind


class Faults:
    """The faults of a sandbox: a random *share* of all requests, and scripted ones.

    *late* is the longest delay in seconds of late faults. The default *kinds* are `FAULT_KINDS`,
    and with *late* the late ones too.
    """

    def __init__(
        self,
        share: float = 0.0,
        kinds: Sequence[FaultKind] | None = None,
        seed: int | None = None,
        late: float = 0.0,
    ) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"the share of faults must be from 0 to 1, not {share}")
        if not 0 <= late < inf:
            raise ValueError(f"late must be a finite number of seconds >= 0, not {late}")
        if kinds is None:
            kinds = tuple(FAULTS) if late else FAULT_KINDS
        for kind in kinds:
            _check(kind)
        self.share = share
        self.kinds: tuple[FaultKind, ...] = tuple(kinds)
        self.late = late
        self.injected: Counter[FaultKind] = Counter()
        self._outage: FaultKind | None = None
        self._random = Random(seed)
        self._scripted: list[_Scripted] = []

    @property
    def outage(self) -> FaultKind | None:
        """The fault of every request until it is set to None.

        Scripts wait until then, and the random sequence continues where it stopped.
        """
        return self._outage

    @outage.setter
    def outage(self, kind: FaultKind | None) -> None:
        if kind is not None:
            _check(kind)
        self._outage = kind

    def next(self, method: str, path: str, kind: FaultKind) -> None:
        """Break the next request with this *method* whose path contains *path*.

        Each script breaks one request; scripts apply in order.
        """
        _check(kind)
        self._scripted.append(_Scripted(method, path, kind))

    def choose(self, method: str, path: str) -> FaultKind | None:
        """Return the fault of a request, if any, and count it."""
        kind = self._outage or self._script(method, path)
        # Drawing only where chance decides makes the faults of a seed repeatable.
        if kind is None and self.share and self.kinds and self._random.random() < self.share:
            kind = self._random.choice(self.kinds)
        if kind is not None:
            self.injected[kind] += 1
        return kind

    def lateness(self) -> float:
        """Return a random delay in seconds for a late request."""
        return self._random.uniform(0, self.late)

    def _script(self, method: str, path: str) -> FaultKind | None:
        for script in self._scripted:
            if script.method == method and script.path in path:
                self._scripted.remove(script)
                return script.kind
        return None


def _check(kind: str) -> None:
    if kind not in FAULTS:
        raise ValueError(f"unknown fault kind {kind!r}; choose from {', '.join(FAULTS)}")
