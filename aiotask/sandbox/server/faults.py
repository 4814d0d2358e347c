"""Which requests are to go wrong, and how; chooses, and leaves the breaking to the server."""

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
"""What a fault does: *before* the service acted, or *after*, when only the answer is lost.

What is *late* is carried out afterwards, whether or not the client is still there: reset is seen
first, and hang is not answered then either.

reset aborts the connection; hang never answers; 429 is a refusal, 500 and 503 are errors of the
service; 502 and 504 are pages of a gateway; truncated cuts a good body in the middle; not_json
replaces it by a page, no_sid by an empty object, and empty by nothing. Those two leave an answer
that has no body as it is.
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
"""The kinds of faults that need no other setting: all but the late ones."""


class _Scripted(NamedTuple):
    method: str
    path: str
    kind: FaultKind


class Faults:
    """The faults of a sandbox: a *share* of all requests chosen by chance, and scripted ones.

    Without *kinds*, there are those in `FAULT_KINDS`, and if *late* is not 0 the late ones too:
    it is the most seconds that those are late.
    """

    def __init__(
        self,
        share: float = 0.0,
        kinds: Sequence[FaultKind] | None = None,
        seed: int | None = None,
        late: float = 0.0,
    ) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"the share of faults is {share}, not from 0 to 1")
        if not 0 <= late < inf:
            raise ValueError(f"the most seconds that faults are late are {late}, not from 0 on")
        if kinds is None:
            kinds = tuple(FAULTS) if late else FAULT_KINDS
        for kind in kinds:
            _check(kind)
        self.share = share
        self.kinds = tuple(kinds)
        self.late = late
        self.injected: Counter[FaultKind] = Counter()
        self._outage: FaultKind | None = None
        self._random = Random(seed)
        self._scripted: list[_Scripted] = []

    @property
    def outage(self) -> FaultKind | None:
        """What happens to every request until it is set to None.

        Scripts wait meanwhile, and chance goes on afterwards where it was.
        """
        return self._outage

    @outage.setter
    def outage(self, kind: FaultKind | None) -> None:
        if kind is not None:
            _check(kind)
        self._outage = kind

    def next(self, method: str, path: str, kind: FaultKind) -> None:
        """Break the next request with this *method* whose path contains *path*.

        Scripts are used up in the order in which they were written.
        """
        _check(kind)
        self._scripted.append(_Scripted(method, path, kind))

    def choose(self, method: str, path: str) -> FaultKind | None:
        """Return what is to happen to a request, and count it."""
        kind = self._outage or self._script(method, path)
        # Chance is asked only where it decides, so that a seed repeats its faults.
        if kind is None and self.share and self.kinds and self._random.random() < self.share:
            kind = self._random.choice(self.kinds)
        if kind is not None:
            self.injected[kind] += 1
        return kind

    def lateness(self) -> float:
        """Return in how many seconds a request is carried out that is late."""
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
