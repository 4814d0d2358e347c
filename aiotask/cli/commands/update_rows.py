"""Option ``--from`` of ``aiotask tasks update``: changes of many tasks, in the rows of a file."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import click

from aiotask._checks import checked
from aiotask._client import Client
from aiotask._encoding import encode
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.dry_run import try_changes
from aiotask.cli.importing.files import Files
from aiotask.cli.importing.input import open_input
from aiotask.cli.importing.job import change_rows
from aiotask.cli.importing.options import (
    change_options,
    outcome_options,
    reading,
    reading_options,
)
from aiotask.cli.importing.row_kinds import TASK_UPDATES
from aiotask.cli.importing.run import ImportVerb
from aiotask.taskrouter import TaskChanges, Tasks

Command = TypeVar("Command", bound=Callable[..., Any])


def from_options(command: Command) -> Command:
    """Add the options of changes that come from a file."""
    from_ = click.option(
        "--from",
        "file",
        metavar="FILE|-",
        type=click.Path(),
        help="Instead of one task, change those of the rows of this file, or of standard input "
        "for -: each has a sid and fields; formats and columns are those of the import command.",
    )
    return from_(outcome_options(change_options(reading_options(command))))


def update_rows(
    ctx: click.Context,
    opened: Callable[[], tuple[Client, Tasks]],
    *,
    file: str,
    journal: str | None,
    results: str | None,
    rejects: str | None,
    report: str | None,
    stop_after: int | None,
    dry_run: bool,
    max_rate: float | None,
    max_in_flight: int,
    **options: Any,
) -> None:
    """Change the task of every row."""
    settings = reading(TASK_UPDATES, **options)
    if dry_run:
        try_changes(open_input(file, settings), _check)
        return
    client, tasks = opened()
    verb = ImportVerb(
        "changed",
        ("updated",),
        lambda rows, run_settings: tasks.updating(TaskChanges, rows, run_settings),
    )
    change_rows(
        ctx,
        client,
        Files(file, journal, results, rejects, report),
        settings,
        verb,
        dict,
        stop_after=stop_after,
        max_rate=max_rate,
        max_in_flight=max_in_flight,
    )


def _check(fields: dict[str, Any]) -> None:
    if "sid" not in fields:
        raise ValueError("a row lacks its sid")
    checked(Tasks.sid, fields["sid"])
    encode(TaskChanges, {name: value for name, value in fields.items() if name != "sid"})


# The options of tasks that match, and those of both these and a file; the others are of files.
_OF_MATCHES = ("where", "in_status", "older_than", "yes")
_OF_MANY = ("journal", "report", "dry_run", "max_rate", "max_in_flight")


class Ways(NamedTuple):
    """What is to be changed: one task, those of a file, or those that match an expression."""

    sid: str | None
    file: str | None
    where: str | None

    def check(
        self, changes: Mapping[str, Any], if_match: str | None, more: Mapping[str, str]
    ) -> None:
        """Refuse options that do not go together.

        *more* are the given ones that are no fields, each with its word on the command line.
        """
        if [self.sid, self.file, self.where].count(None) != 2:  # noqa: PLR2004 - all but one
            raise WrongUsageError("give either a SID, --from or --where")
        if self.file is None and not changes:
            raise WrongUsageError("nothing to change: give at least one field")
        if self.sid is None and if_match is not None:
            raise WrongUsageError("--if-match goes with a SID")
        if self.file is not None and changes:
            raise WrongUsageError("--from: fields come from the file, and for every row from --set")
        for name, word in more.items():
            if not self._takes(name):
                goes_with = ["--where"] if name in _OF_MATCHES else ["--from"]
                if name in _OF_MANY:
                    goes_with.append("--where")
                raise WrongUsageError(f"{word} goes with {' or '.join(goes_with)}")

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the options that it takes."""
        return {name: value for name, value in given.items() if self._takes(name)}

    def _takes(self, name: str) -> bool:
        if self.where is not None:
            return name in _OF_MATCHES or name in _OF_MANY
        return self.file is not None and name not in _OF_MATCHES
