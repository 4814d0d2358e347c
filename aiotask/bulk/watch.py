"""Watch of a run: what a report tells of, collected in bounded memory while the run goes on."""

import re
import time
from collections.abc import Callable

import attrs

from aiotask._checks import printable
from aiotask.bulk.timeline import Durations, Slot, Timeline
from aiotask.errors import AiotaskError, AnswerError, JournalError, RateLimitError

# Reasons that differ in their numbers and names alone are one reason.
_PARTICULAR = re.compile(r"[0-9A-Fa-f]{8,}|[0-9]+")
_MOST_REASONS = 60
_MOST_EXAMPLES = 5
_MOST_ROWS = 200
_MOST_PAUSES = 100
_MOST_LETTERS = 300
_OTHERS = "other reasons"


@attrs.define
class Reason:
    """Rows that ended for one reason; the first of them are examples."""

    kind: str
    text: str
    count: int = 0
    examples: list[str] = attrs.Factory(list[str])


@attrs.define
class Held:
    """A while in which a run did not get on; ``ended_at`` is None while that lasts."""

    what: str
    began_at: float
    reason: str
    ended_at: float | None = None


@attrs.define
class Doubt:
    """A row whose answer was lost, and how that was settled: "" while it is open."""

    row: str
    reason: str
    began_at: float
    settled_at: float = 0.0
    how: str = ""


def _nothing_found() -> float | None:
    return None


class Watch:
    """Figures of one run, or of several in a row; *clock* is monotonic, in seconds.

    ``began`` is the date of the beginning in seconds since 1970. Of pauses and of rows in doubt the
    first ones are kept, and all are counted.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock: Callable[[], float] = clock
        self.began: float = time.time()
        self.timeline: Timeline = Timeline(clock())
        self.answers: Durations = Durations()
        self.refused: int = 0
        self.failures: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.reasons: dict[tuple[str, str], Reason] = {}
        self.pauses: list[Held] = []
        self.more_pauses: int = 0
        self.doubts: list[Doubt] = []
        self.doubted: int = 0
        self.settled: dict[str, int] = {}
        self.settings: dict[str, str] = {}
        self.limit: Callable[[], float | None] = _nothing_found
        self.in_doubt: Callable[[], int] = int
        self._open: dict[int, Doubt] = {}

    def see(
        self,
        settings: dict[str, str],
        limit: Callable[[], float | None],
        in_doubt: Callable[[], int],
    ) -> None:
        """Begin with a run: its settings, the rate that it finds, and its rows in doubt."""
        self.settings, self.limit, self.in_doubt = settings, limit, in_doubt
        self._open.clear()

    def answered(self, began: float) -> None:
        """Note a request with an answer that told the fate of its row."""
        now = self.clock()
        (self.timeline.last if now < self.timeline.ends_at else self._next(now)).requests += 1
        self.answers.add(now - began)

    def failed(self, error: AiotaskError) -> None:
        """Note a request after which its row was not done."""
        now = self.clock()
        slot = self.timeline.last if now < self.timeline.ends_at else self._next(now)
        slot.requests += 1
        if isinstance(error, RateLimitError):
            slot.refused += 1
            self.refused += 1
            return
        slot.failed += 1
        kind = type(error).__name__.removeprefix("_")
        self.failures[kind] = self.failures.get(kind, 0) + 1

    def end(self, kind: str, number: int, line: int | None, error: Exception | None) -> None:
        """Note the outcome of a row, and why it is a bad one."""
        now = self.clock()
        ended = (self.timeline.last if now < self.timeline.ends_at else self._next(now)).ended
        ended[kind] = ended.get(kind, 0) + 1
        self.ended[kind] = self.ended.get(kind, 0) + 1
        if error is not None:
            reason = self._reason(kind, why(error))
            reason.count += 1
            if len(reason.examples) < _MOST_EXAMPLES:
                reason.examples.append(name_of(number, line))

    def outcome(self, number: int, line: int | None, outcome: object) -> None:
        """Note the outcome of a row."""
        self.end(type(outcome).__name__, number, line, getattr(outcome, "error", None))

    def doubt(self, number: int, line: int | None, error: Exception | None) -> None:
        """Note that a row is in doubt."""
        self.doubted += 1
        if len(self.doubts) < _MOST_ROWS:
            text = "an earlier run left it" if error is None else why(error)
            doubt = Doubt(name_of(number, line), text, self.clock())
            self.doubts.append(doubt)
            self._open[number] = doubt

    def settle(self, number: int, how: str) -> None:
        """Note how the doubt of a row was settled."""
        self.settled[how] = self.settled.get(how, 0) + 1
        if (doubt := self._open.pop(number, None)) is not None:
            doubt.settled_at, doubt.how = self.clock(), how

    def pause(self, what: str, since: float, error: Exception | None) -> Held | None:
        """Note that the run is held up since a moment; the result is ended by whoever got it."""
        if len(self.pauses) >= _MOST_PAUSES:
            self.more_pauses += 1
            return None
        held = Held(what, since, "" if error is None else why(error))
        self.pauses.append(held)
        return held

    def _next(self, now: float) -> Slot:
        slot = self.timeline.go_on(now)
        if (limit := self.limit()) is not None:
            slot.limit += limit
            slot.samples += 1
        slot.in_doubt = self.in_doubt()
        return slot

    def _reason(self, kind: str, text: str) -> Reason:
        place = (kind, _PARTICULAR.sub("#", text))
        if place not in self.reasons and len(self.reasons) >= _MOST_REASONS:
            place, text = (kind, _OTHERS), _OTHERS
        return self.reasons.setdefault(place, Reason(kind, text))


def why(error: Exception) -> str:
    """Return why a row failed, in a line of bounded length."""
    match error:
        case AnswerError(message=message, status=status, code=code):
            text = f"{message} (status {status}{'' if code is None else f', code {code}'})"
        case AiotaskError(message=message) if not isinstance(error, JournalError):
            text = message
        case _:
            text = str(error) or type(error).__name__
    return printable(text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…")


def name_of(number: int, line: int | None) -> str:
    """Return what a reader knows a row by: its line in the input, or its number."""
    return f"row {number:,}" if line is None else f"line {line:,}"
