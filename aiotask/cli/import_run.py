"""One run of an import: pulls rows from a source, notes how each ended, stops when told to."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiotask._client import Client
from aiotask.bulk import Created, Outcome
from aiotask.cli.failures import reason
from aiotask.cli.feed import Feed
from aiotask.cli.progress import Display
from aiotask.cli.results import Results
from aiotask.cli.rows import BadRow, Row
from aiotask.cli.signals import stop_signals
from aiotask.cli.source import Source
from aiotask.cli.tally import Fate, Tally
from aiotask.errors import AiotaskError
from aiotask.taskrouter import Tasks


class ImportRun:
    """What becomes of the rows of a source.

    Afterwards ``error`` is what ended the run if it concerned every row, ``interrupted`` whether a
    signal left rows unread, and ``cut`` whether one ended it with rows under way.
    """

    def __init__(self, source: Source, results: Results, display: Display) -> None:
        self.tally = Tally()
        self.error: AiotaskError | OSError | None = None
        self.interrupted = False
        self.cut = False
        self._source = source
        self._results = results
        self._display = display

    async def __call__(self, client: Client, tasks: Tasks, max_in_flight: int | None) -> None:
        """Create a task for every row that there is."""
        feed = Feed(self._source.rows)
        outcomes: AsyncIterator[Outcome[Any]] = tasks.create_many(
            self._rows(feed), max_in_flight=max_in_flight
        )
        with stop_signals(lambda: self._stop(feed)):
            try:
                async with client:
                    async for outcome in outcomes:
                        self._note(outcome)
            except asyncio.CancelledError:
                self.cut = True
            except (AiotaskError, OSError) as error:
                self.error = error
            finally:
                feed.stop()

    def _stop(self, feed: Feed[Row | BadRow]) -> None:
        self.interrupted = feed.stop()
        under_way = len(self.tally.under_way)
        self._display.say(f"stopping: {under_way} rows are under way; again to end at once")

    async def _rows(self, feed: Feed[Row | BadRow]) -> AsyncIterator[Any]:
        async for row in feed:
            self.tally.last_line = row.last
            if isinstance(row, BadRow):
                self.tally.rejected += 1
                self._tell(row.line, "rejected", row.reason)
            else:
                self.tally.under_way.add(row.line)
                yield row
            if self._results.error is not None:
                return

    def _note(self, outcome: Outcome[Any]) -> None:
        line: int = outcome.row.line
        self.tally.under_way.discard(line)
        fate = self.tally.count(outcome)
        if isinstance(outcome, Created):
            self._results.write(line, fate, sid=outcome.sid)
        else:
            why = reason(outcome.error)
            self._tell(line, fate, why)
        self._display.show(self.tally, self._source.lines.position)

    def _tell(self, line: int, fate: Fate, why: str) -> None:
        doubt = "unresolved, it may have been created: " if fate == "unresolved" else ""
        self._display.say(f"{self._source.name}:{line}: {doubt}{why}")
        self._results.write(line, fate, error=why)
