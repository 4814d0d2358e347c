"""Plans of kill campaigns, and the reports of their jobs."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import attrs

from aiotask.sandbox import FaultKind
from kill.incidents import Incident

LAG = 0.1
_SHOWN = 5  # violations of a job that are told in full


@attrs.frozen(kw_only=True)
class Plan:
    """The work of every job: a *verb* for so many *rows*, and so many *kills* at the most.

    *lag* is how many seconds lists are behind. *without* names what its program leaves out, and
    *drivers* is how many of them have the journal at once. The rest is left to chance where it is
    None: whether rows are *named* by keys of their own, whether they are *awaited*, and whether
    tasks are *ending*: completed meanwhile, and removed between two runs. *incidents*
    may befall it.
    """

    folder: Path
    verb: str = "create"
    rows: int = 1500
    kills: int = 12
    lag: float = LAG
    without: str | None = None
    drivers: int = 1
    named: bool | None = None
    awaited: bool | None = None
    ending: bool | None = None
    incidents: frozenset[Incident] = frozenset()


@attrs.define
class Job:
    """One job, and its end: in *wrong* the violations by kind, each in words.

    *told* counts the outcomes that its program was given, and *doubled* the rows whose create was
    delivered twice: their second task is not the program's fault.
    """

    seed: int
    folder: Path
    kills: int = 0
    sent: int = 0
    told: int = 0
    doubled: int = 0
    seconds: float = 0.0
    injected: Counter[FaultKind] = attrs.field(factory=Counter)
    incidents: Counter[Incident] = attrs.field(factory=Counter)
    wrong: dict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list))

    def report(self) -> Iterator[str]:
        """Yield lines that say what is wrong."""
        for kind, found in self.wrong.items():
            yield f"job {self.seed}: {len(found):,} {kind}: {'; '.join(found[:_SHOWN])}"
