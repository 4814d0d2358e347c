"""Option ``--from`` of ``aiotask tasks update``: changes of many tasks, in the rows of a file."""

from collections.abc import Callable
from typing import Any, TypeVar

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


def check_one_way(
    sid: str | None, file: str | None, changes: dict[str, Any], if_match: str | None, more: Any
) -> None:
    """Refuse options of one task beside those of a file."""
    if (sid is None) == (file is None):
        raise WrongUsageError("give either a SID or --from")
    if file is not None and (changes or if_match is not None):
        raise WrongUsageError("--from: fields come from the file, and for every row from --set")
    if sid is not None and more:
        raise WrongUsageError("the options about a file go with --from")
