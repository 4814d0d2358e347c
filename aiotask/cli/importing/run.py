"""One run of an import: feeds records to a bulk run and reports each outcome."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from aiotask._client import Client
from aiotask.bulk import (
    AnyOutcome,
    JournalSummary,
    Keys,
    Rejected,
    Run,
    Settings,
    SharedRun,
    Unresolved,
)
from aiotask.cli.errors import reason
from aiotask.cli.importing.counts import Counts, Fate, resume_message
from aiotask.cli.importing.failures import Failures
from aiotask.cli.importing.files import Files
from aiotask.cli.importing.input import Input
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.row_ranges import RowRanges
from aiotask.cli.importing.thread_rows import ThreadRows
from aiotask.cli.progress import Display
from aiotask.cli.signals import stop_signals
from aiotask.errors import AiotaskError, JournalError

AnyRun = Run[Record] | SharedRun[Record]

_REFRESH = 0.2  # seconds


class ImportVerb(NamedTuple):
    """What becomes of the rows: *done* to each, with outcomes that are *usual*, by a run."""

    done: str
    usual: tuple[Fate, ...]
    begin: Callable[[ThreadRows[Record], Settings], AnyRun]


class ImportRun:
    """The import of one input.

    After the run, ``error`` is the error that stopped it, ``interrupted`` is True if a signal left
    rows undone, ``stopped`` if too many rejected rows did, and ``cut`` if a signal ended the run
    with rows under way. ``left`` are records that are not done although later ones are.
    """

    def __init__(
        self,
        source: Input,
        files: Files,
        earlier: JournalSummary | None,
        stop_after: int | None,
        verb: ImportVerb,
    ) -> None:
        self.source = source
        self.done: str = verb.done
        self.display: Display = Display(source.lines, data_follows=files.to_standard_output)
        self.counts: Counts = Counts(earlier, verb.usual)
        self.failures: Failures = Failures(source.name, self.display.say, verb.done)
        self._begin = verb.begin
        self.counts.last_line = source.records.header
        self.error: AiotaskError | OSError | None = None
        self.interrupted: bool = False
        self.stopped: bool = False
        self.cut: bool = False
        self.left: list[Record] = []
        self._results = files.results
        self._rejects = files.rejects
        self._stop_after = stop_after
        self._report = files.report
        self._earlier = earlier
        self._signalled = False
        self._used = False
        self._keys = Keys(None)
        self._last_row = 0

    async def __call__(self, client: Client, settings: Settings) -> None:
        """Carry out every row that is not done yet."""
        earlier = self._earlier
        known = earlier.claimed if earlier else 0
        read = partial(self._rejects.read, self.source, earlier)
        rows = ThreadRows(read, known=known, passed=self._announce)
        run = self._begin(rows, settings)
        self._keys = settings.keys
        shown = asyncio.create_task(self._keep_shown(run))
        with stop_signals(lambda: self._stop(run)):
            try:
                async with client, aclosing(run.outcomes()) as outcomes:
                    self._report.follow(outcomes)
                    async for outcome in outcomes:
                        self._announce()
                        self._note(run.job, outcome)
                        if self._results.error or self._rejects.error or self._too_many_rejected():
                            run.stop()
            except asyncio.CancelledError:
                self.cut = True
            except (AiotaskError, OSError) as error:
                self.error = error
            finally:
                shown.cancel()
                if not rows.started:
                    self.source.file.close()
        self._show(run)
        self._used = run.begun
        undone = not rows.exhausted or bool(run.waiting)
        self.interrupted = self._signalled and undone
        self.stopped = self._too_many_rejected() and undone
        self._take_stock(run)

    @property
    def ended_early(self) -> bool:
        """Whether rows may be left to import."""
        return self.interrupted or self.stopped or self.cut or self.error is not None

    @property
    def unusable(self) -> JournalError | None:
        """The journal's error, if it ended the run before anything was sent."""
        started = self._used or self.counts.of_this_run
        return self.error if isinstance(self.error, JournalError) and not started else None

    def _take_stock(self, run: AnyRun) -> None:
        """Note the line up to which rows are done, and the rows before it that are not."""
        if self.cut:
            for item in run.waiting:
                if item.sent:
                    self._passed(item.row)
        waiting = (item.row for item in run.waiting)
        self.left = sorted(record for record in waiting if record.number <= self._last_row)

    @property
    def rest(self) -> RowRanges:
        """The rows that are not done."""
        return RowRanges.rest((record.number for record in self.left), self._last_row)

    def _passed(self, record: Record) -> None:
        self.counts.last_line = max(self.counts.last_line, record.last)
        self._last_row = max(self._last_row, record.number)

    def _stop(self, run: AnyRun) -> None:
        self._signalled = True
        run.stop()
        doubt = f", {run.in_doubt:,} in doubt" if run.in_doubt else ""
        under_way = f"{run.limiter.in_flight:,} rows are under way{doubt}"
        self.display.say(f"stopping: {under_way}; interrupt again to end at once")

    def _too_many_rejected(self) -> bool:
        return self._stop_after is not None and self.failures.rejected >= self._stop_after

    def _announce(self) -> None:
        """Say that a job is resumed, once its journal was accepted."""
        if self._earlier is not None:
            self.display.say(resume_message(self._earlier))
            self._earlier = None

    def _note(self, job: str, outcome: AnyOutcome[Record]) -> None:
        record, fate = outcome.row, self.counts.count(outcome)
        self._passed(record)
        details: dict[str, Any]
        if not isinstance(outcome, Rejected | Unresolved):
            details = {"sid": outcome.sid}
        else:
            details = {"error": reason(outcome.error)}
            self.failures.add(record.line, fate, details["error"])
            if fate == "rejected":
                self._rejects.write(self.source, record)
        key = None
        with suppress(ValueError):  # a row without a key is rejected
            key = self._keys.key_of(job, self.source.position(record), record)
        self._results.write(record.number, record.line, key, fate, **details)

    async def _keep_shown(self, run: AnyRun) -> None:
        """Refresh the display, whether or not an outcome comes."""
        while self.display.shown:
            self._show(run)
            await asyncio.sleep(_REFRESH)

    def _show(self, run: AnyRun) -> None:
        counts, rate = self.counts, self.counts.recent_rate()
        parts = [counts.text()]
        parts += [f"{run.in_doubt:,} in doubt"] if run.in_doubt else []
        parts += [f"{rate:,.0f}/s"]
        parts += [f"{run.limiter.refusals:,} refusals"] if run.limiter.refusals else []
        if run.service_is_down:
            parts.append("the service is down, probing")
        elif (seconds := counts.time_left(rate, self.source.lines)) is not None:
            parts.append(f"{timedelta(seconds=round(seconds))} left")
        self.display.show(counts.last_line, ", ".join(parts))
