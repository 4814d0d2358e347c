"""One run of an import: pulls records from an input, notes how each ended, stops when told to."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from aiotask._client import Client
from aiotask.bulk import Created, JournalSummary, Outcome, Run, Settings
from aiotask.bulk.keys import derived_key
from aiotask.cli.errors import reason
from aiotask.cli.importing.counts import Fate, Tally
from aiotask.cli.importing.input import Input
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.results import Results
from aiotask.cli.importing.thread_rows import Feed
from aiotask.cli.progress import Display
from aiotask.cli.signals import stop_signals
from aiotask.errors import AiotaskError, JournalError
from aiotask.taskrouter import Tasks

_REFRESH = 0.2  # seconds


class ImportRun:
    """What becomes of the records of an input.

    Afterwards ``error`` is what ended the run if it concerned every row, ``interrupted`` whether a
    signal left rows undone, and ``cut`` whether one ended it with rows under way. ``left`` are
    records that are not done although ones after them are.
    """

    def __init__(
        self, given: Input, results: Results, display: Display, earlier: JournalSummary | None
    ) -> None:
        self.tally = Tally(earlier)
        self.tally.last_line = given.records.header
        self.error: AiotaskError | OSError | None = None
        self.interrupted = False
        self.cut = False
        self.left: list[Record] = []
        self._given = given
        self._results = results
        self._display = display
        self._signalled = False
        self._used = False

    async def __call__(self, client: Client, tasks: Tasks, settings: Settings) -> None:
        """Create a task for every row that has none yet."""
        feed = Feed(self._given.read)
        run = tasks.creating(feed, settings)
        shown = asyncio.create_task(self._keep_shown(run))
        with stop_signals(lambda: self._stop(run)):
            try:
                async with client, aclosing(run.outcomes()) as outcomes:
                    async for outcome in outcomes:
                        self._note(run.job, outcome)
                        if self._results.error is not None:
                            run.stop()
            except asyncio.CancelledError:
                self.cut = True
            except (AiotaskError, OSError) as error:
                self.error = error
            finally:
                shown.cancel()
                if not feed.begun:
                    self._given.file.close()
        self._show(run)
        self._used = run.begun
        self.interrupted = self._signalled and not (feed.exhausted and not run.waiting)
        self._take_stock(run)

    @property
    def ended_early(self) -> bool:
        """Whether there is anything left to go on with."""
        return self.interrupted or self.cut or self.error is not None

    @property
    def unusable(self) -> JournalError | None:
        """What is wrong with the journal, if that was found before anything came of the run."""
        began = self._used or self.tally.of_this_run
        return self.error if isinstance(self.error, JournalError) and not began else None

    def _take_stock(self, run: Run[Record]) -> None:
        """Note up to which line rows are done, and which of those before are not."""
        if self.cut:
            under_way = [item.row.last for item in run.waiting if item.sent]
            self.tally.last_line = max([self.tally.last_line, *under_way])
        waiting = (item.row for item in run.waiting)
        self.left = sorted(record for record in waiting if record.line <= self.tally.last_line)

    def _stop(self, run: Run[Record]) -> None:
        self._signalled = True
        run.stop()
        doubt = f", {run.in_doubt:,} in doubt" if run.in_doubt else ""
        under_way = f"{run.limiter.in_flight:,} rows are under way{doubt}"
        self._display.say(f"stopping: {under_way}; again to end at once")

    def _note(self, job: str, outcome: Outcome[Record]) -> None:
        record, fate = outcome.row, self.tally.count(outcome)
        self.tally.last_line = max(self.tally.last_line, record.last)
        told: dict[str, Any]
        if isinstance(outcome, Created):
            told = {"sid": outcome.sid}
        else:
            told = {"error": reason(outcome.error)}
            self._tell(record.line, fate, told["error"])
        key = derived_key(job, record.number)
        self._results.write(record.number, record.line, key, fate, **told)

    def _tell(self, line: int, fate: Fate, why: str) -> None:
        doubt = "unresolved, it may have been created: " if fate == "unresolved" else ""
        self._display.say(f"{self._given.name}:{line}: {doubt}{why}")

    async def _keep_shown(self, run: Run[Record]) -> None:
        """Show how far it has come, whether or not anything happens."""
        while self._display.shown:
            self._show(run)
            await asyncio.sleep(_REFRESH)

    def _show(self, run: Run[Record]) -> None:
        tally, rate = self.tally, self.tally.rate_of_late()
        parts = [tally.ended()]
        parts += [f"{run.in_doubt:,} in doubt"] if run.in_doubt else []
        parts += [f"{rate:,.0f}/s"]
        parts += [f"{run.limiter.refusals:,} refusals"] if run.limiter.refusals else []
        if run.service_is_down:
            parts.append("the service is down, probing")
        elif (seconds := tally.time_left(rate, self._given.lines)) is not None:
            parts.append(f"{timedelta(seconds=round(seconds))} left")
        self._display.show(tally.last_line, ", ".join(parts))
