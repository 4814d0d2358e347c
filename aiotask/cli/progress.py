"""Progress display on a terminal's standard error; elsewhere plain lines."""

import sys
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from aiotask._checks import printable

_REFRESHES = 5  # a second


class Display:
    """Progress of a run; *total* is its lines or rows, and None where that is unknown.

    ``shown`` is True where standard error is a terminal that no data goes to.
    """

    def __init__(self, total: int | None, *, data_follows: bool = False) -> None:
        self.shown: bool = sys.stderr.isatty() and not (data_follows and sys.stdout.isatty())
        known: list[ProgressColumn] = []
        if total is not None:
            known = [BarColumn(bar_width=20), TextColumn("{task.percentage:>3.0f}%")]
        self._progress = Progress(
            *known,
            TextColumn("{task.description}", table_column=Column(no_wrap=False)),
            TimeElapsedColumn(),
            console=Console(stderr=True, soft_wrap=True),
            refresh_per_second=_REFRESHES,
        )
        self._bar = self._progress.add_task("", total=total)

    def __enter__(self) -> Self:
        if self.shown:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.shown:
            self._progress.stop()

    def show(self, completed: int, text: str) -> None:
        """Show how much is completed, and *text* beside it."""
        if self.shown:
            self._progress.update(self._bar, completed=completed, description=text)

    def say(self, text: str) -> None:
        """Write a line to standard error, above the display."""
        if self.shown:
            self._progress.console.out(printable(text), highlight=False)
            return
        click.echo(printable(text), err=True)
