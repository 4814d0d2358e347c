"""Which requests are to go wrong, and how; chooses, and leaves the breaking to the server."""

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Literal, NamedTuple, get_args

FaultKind = Literal[
    "after_500",
    "after_502",
    "after_503",
    "after_504",
    "after_hang",
    "after_not_json",
    "after_reset",
    "after_truncated",
    "before_500",
    "before_502",
    "before_503",
    "before_504",
    "before_hang",
    "before_reset",
]
"""What a fault does: *before* the service acted, or *after*, when only the answer is lost.

reset aborts the connection; hang never answers; 500 and 503 are errors of the service; 502 and 504
are pages of a gateway; truncated cuts a good body in the middle; not_json replaces it.
"""

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


class _Scripted(NamedTuple):
    method: str
    path: str
    kind: FaultKind


class Faults:
    """The faults of a sandbox: a *share* of all requests chosen by chance, and scripted ones."""

    def __init__(
        self, share: float = 0.0, kinds: Sequence[FaultKind] = FAULT_KINDS, seed: int | None = None
    ) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"the share of faults is {share}, not from 0 to 1")
        for kind in kinds:
            _check(kind)
        self.share = share
        self.kinds = tuple(kinds)
        self.injected: Counter[FaultKind] = Counter()
        self._random = Random(seed)
        self._scripted: list[_Scripted] = []

    def next(self, method: str, path: str, kind: FaultKind) -> None:
        """Break the next request with this *method* whose path contains *path*.

        Scripts are used up in the order in which they were written.
        """
        _check(kind)
        self._scripted.append(_Scripted(method, path, kind))

    def choose(self, method: str, path: str) -> FaultKind | None:
        """Return what is to happen to a request, and count it."""
        kind = self._script(method, path)
        # Chance is asked only where it decides, so that a seed repeats its faults.
        if kind is None and self.share and self.kinds and self._random.random() < self.share:
            kind = self._random.choice(self.kinds)
        if kind is not None:
            self.injected[kind] += 1
        return kind

    def _script(self, method: str, path: str) -> FaultKind | None:
        for script in self._scripted:
            if script.method == method and script.path in path:
                self._scripted.remove(script)
                return script.kind
        return None


def _check(kind: str) -> None:
    if kind not in FAULT_KINDS:
        raise ValueError(f"no kind of fault is {kind!r}; there are {', '.join(FAULT_KINDS)}")
