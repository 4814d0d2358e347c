"""One run of an import: feeds records to a bulk run and reports each outcome."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import Any

from aiotask._client import Client
from aiotask.bulk import Created, JournalSummary, Outcome, Run, Settings, SharedRun
from aiotask.bulk.keys import derived_key
from aiotask.cli.errors import reason
from aiotask.cli.importing.counts import Counts, resume_message
from aiotask.cli.importing.failures import Failures
from aiotask.cli.importing.input import Input
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.rejects import Rejects
from aiotask.cli.importing.results import Results
from aiotask.cli.importing.row_ranges import RowRanges
from aiotask.cli.importing.thread_rows import ThreadRows
from aiotask.cli.progress import Display
from aiotask.cli.run_report import RunReport
from aiotask.cli.signals import stop_signals
from aiotask.errors import AiotaskError, JournalError
from aiotask.taskrouter import Tasks

AnyRun = Run[Record] | SharedRun[Record]

_REFRESH = 0.2  # seconds


class ImportRun:
    """The import of one input.

    After the run, ``error`` is the error that stopped it, ``interrupted`` is True if a signal left
    rows undone, ``stopped`` if too many rejected rows did, and ``cut`` if a signal ended the run
    with rows under way. ``left`` are records that are not done although later ones are.
    """

    def __init__(
        self,
        source: Input,
        results: Results,
        rejects: Rejects,
        display: Display,
        earlier: JournalSummary | None,
        stop_after: int | None,
        report: RunReport,
    ) -> None:
        self.counts: Counts = Counts(earlier)
        self.failures: Failures = Failures(source.name, display.say)
        self.counts.last_line = source.records.header
        self.error: AiotaskError | OSError | None = None
        self.interrupted: bool = False
        self.stopped: bool = False
        self.cut: bool = False
        self.left: list[Record] = []
        self._source = source
        self._results = results
        self._rejects = rejects
        self._stop_after = stop_after
        self._report = report
        self._display = display
        self._earlier = earlier
        self._signalled = False
        self._used = False
        self._last_row = 0

    async def __call__(self, client: Client, tasks: Tasks, settings: Settings) -> None:
        """Create a task for every row that has none yet."""
        earlier = self._earlier
        known = earlier.claimed if earlier else 0
        read = partial(self._rejects.read, self._source, earlier)
        rows = ThreadRows(read, known=known, passed=self._announce)
        run: AnyRun = (
            tasks.creating(rows, settings)
            if settings.job is None
            else tasks.sharing(rows, settings, str(settings.journal))
        )
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
                    self._source.file.close()
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
        self._display.say(f"stopping: {under_way}; interrupt again to end at once")

    def _too_many_rejected(self) -> bool:
        return self._stop_after is not None and self.failures.rejected >= self._stop_after

    def _announce(self) -> None:
        """Say that a job is resumed, once its journal was accepted."""
        if self._earlier is not None:
            self._display.say(resume_message(self._earlier))
            self._earlier = None

    def _note(self, job: str, outcome: Outcome[Record]) -> None:
        record, fate = outcome.row, self.counts.count(outcome)
        self._passed(record)
        details: dict[str, Any]
        if isinstance(outcome, Created):
            details = {"sid": outcome.sid}
        else:
            details = {"error": reason(outcome.error)}
            self.failures.add(record.line, fate, details["error"])
            if fate == "rejected":
                self._rejects.write(self._source, record)
        key = derived_key(job, self._source.position(record))
        self._results.write(record.number, record.line, key, fate, **details)

    async def _keep_shown(self, run: AnyRun) -> None:
        """Refresh the display, whether or not an outcome comes."""
        while self._display.shown:
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
        elif (seconds := counts.time_left(rate, self._source.lines)) is not None:
            parts.append(f"{timedelta(seconds=round(seconds))} left")
        self._display.show(counts.last_line, ", ".join(parts))
