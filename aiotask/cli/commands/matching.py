"""Commands that cancel, complete, delete or update all tasks that match, pass after pass."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, get_args

import click

from aiotask._client import Client
from aiotask._encoding import encode
from aiotask.bulk import AnyOutcome, Deleted, OutcomeStream, Rejected, Unresolved
from aiotask.cli.client import answered, open_tasks, report_option, workspace_options
from aiotask.cli.errors import FAILED, WrongUsageError, reason
from aiotask.cli.options import Number
from aiotask.cli.picked_tasks import PickedTasks
from aiotask.cli.progress import Display
from aiotask.cli.run_report import RunReport
from aiotask.taskrouter import Task, TaskChanges, Tasks, TaskStatus

Command = TypeVar("Command", bound=Callable[..., Any])
Outcomes = OutcomeStream[AnyOutcome[str | Task]]

_PAGE = 1000
_MOST_REASONS = 10
_DURATION = re.compile("(?:([0-9]{1,6})d)?(?:([0-9]{1,8})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,10})s)?")
_SECONDS = (86_400, 3600, 60, 1)


class Verb(NamedTuple):
    """A verb of many tasks: its name, what became of its tasks, and the status they need."""

    name: str
    done: str
    statuses: tuple[TaskStatus, ...]
    begin: Callable[..., Outcomes]


_CANCEL = Verb(
    "cancel",
    "canceled",
    ("pending", "reserved"),
    lambda tasks, sids, why, **settings: tasks.cancel_many(sids, why, **settings),
)
_COMPLETE = Verb(
    "complete",
    "completed",
    ("assigned", "wrapping"),
    lambda tasks, sids, why, **settings: tasks.complete_many(sids, why, **settings),
)
_DELETE = Verb(
    "delete", "deleted", (), lambda tasks, sids, _, **settings: tasks.delete_many(sids, **settings)
)


def _seconds(_: click.Context, __: click.Parameter, text: str | None) -> int:
    if text is None:
        return 0
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise click.BadParameter(f"must be a duration like 2d, 36h, 90m or 1d12h, not {text!r}")
    return sum(int(amount) * unit for amount, unit in zip(match.groups("0"), _SECONDS, strict=True))


_yes = click.option("--yes", is_flag=True, help="Do it without being asked.")
_older_than = click.option(
    "--older-than",
    metavar="DURATION",
    callback=_seconds,
    help="Only tasks that are at least so old, such as 2d, 36h or 1d12h.",
)


def _in_status(name: str, usual: tuple[TaskStatus, ...]) -> Callable[[Command], Command]:
    by_default = f"; by default {' and '.join(usual)}" if usual else ""
    return click.option(
        name,
        "in_status",
        type=click.Choice(get_args(TaskStatus)),
        multiple=True,
        help=f"Only tasks in this status; several may be given{by_default}.",
    )


def many_options(verb: Verb) -> Callable[[Command], Command]:
    """Return a decorator that adds the options that pick tasks, and say how to go on."""

    def add(command: Command) -> Command:
        for option in (
            report_option,
            click.option(
                "--max-rate",
                metavar="N",
                type=Number(min=0, min_open=True),
                help="Most tasks in a second; by default as many as the service bears.",
            ),
            click.option(
                "--journal",
                metavar="PATH",
                type=click.Path(dir_okay=False),
                help="File that records the progress; the same command again goes on there.",
            ),
            _yes,
            click.option(
                "--dry-run", is_flag=True, help="Print the SIDs of the tasks, and change nothing."
            ),
            _older_than,
            _in_status("--assignment-status", verb.statuses),
        ):
            command = option(command)
        return command

    return add


_where = click.option(
    "--where",
    metavar="EXPRESSION",
    required=True,
    help="Only tasks whose attributes match this expression; 1==1 matches all.",
)
_reason = click.option(
    "--reason", metavar="TEXT", required=True, help="Why, as the tasks say afterwards."
)


@click.command()
@workspace_options
@_where
@many_options(_CANCEL)
@_reason
def cancel(workspace: str, timeout: float, base_url: str | None, **options: Any) -> None:
    """Cancel all tasks that match, until a list shows none any more.

    Exit status: 0 if all were canceled, or are gone; 1 if some could not be.
    """
    carry_out(_CANCEL, *open_tasks(workspace, timeout, base_url), **options)


@click.command()
@workspace_options
@_where
@many_options(_COMPLETE)
@_reason
def complete(workspace: str, timeout: float, base_url: str | None, **options: Any) -> None:
    """Complete all tasks that match, until a list shows none any more.

    Exit status: 0 if all were completed, or are gone; 1 if some could not be.
    """
    carry_out(_COMPLETE, *open_tasks(workspace, timeout, base_url), **options)


def delete_options(command: Command) -> Command:
    """Add the options that pick the tasks to be deleted."""
    return many_options(_DELETE)(command)


def delete_all(client: Client, tasks: Tasks, **options: Any) -> None:
    """Delete all tasks that match."""
    carry_out(_DELETE, client, tasks, reason=None, **options)


def where_option(command: Command) -> Command:
    """Add the option that picks tasks instead of one by its SID."""
    return click.option(
        "--where",
        metavar="EXPRESSION",
        help="Instead of one task, all whose attributes match this expression; 1==1 matches all.",
    )(command)


def picking_options(command: Command) -> Command:
    """Add the options that pick the tasks to be updated, and ask for consent."""
    for option in (_yes, _older_than, _in_status("--in-status", ()), where_option):
        command = option(command)
    return command


def update_all(client: Client, tasks: Tasks, changes: Mapping[str, Any], **options: Any) -> None:
    """Make the same changes to all tasks that match."""
    try:
        encode(TaskChanges, changes)
    except ValueError as error:
        raise WrongUsageError(str(error)) from error
    verb = Verb(
        "update",
        "updated",
        (),
        lambda tasks, sids, _, **settings: tasks.update_many(
            ({"sid": sid, **changes} for sid in sids), **settings
        ),
    )
    carry_out(verb, client, tasks, reason=None, **options)


def check_consent(*, yes: bool, dry_run: bool) -> None:
    """Refuse where nobody can be asked."""
    if not (yes or dry_run or sys.stdin.isatty()):
        raise WrongUsageError("there is no terminal to ask: give --yes, or --dry-run to see first")


def carry_out(
    verb: Verb,
    client: Client,
    tasks: Tasks,
    *,
    where: str,
    in_status: tuple[str, ...],
    older_than: int,
    dry_run: bool,
    yes: bool,
    journal: str | None,
    max_rate: float | None,
    reason: str | None,
    report: str | None,
    max_in_flight: int | None = None,
) -> None:
    """Pick tasks, ask, and carry out, pass after pass."""
    check_consent(yes=yes, dry_run=dry_run)
    told = RunReport(report)
    filters: dict[str, Any] = {"evaluate_task_attributes": where, "page_size": _PAGE}
    if statuses := in_status or verb.statuses:
        filters["assignment_status"] = list(statuses)

    async def pick(picked: PickedTasks) -> None:
        async for page in tasks.list(**filters).pages():
            picked.add(
                task.sid for task in page.items if not older_than or (task.age or 0) >= older_than
            )

    with PickedTasks(None if dry_run else journal) as picked:
        answered(client, lambda: pick(picked))
        if dry_run:
            for sid in picked.after(0):
                click.echo(sid)
            click.echo(f"{picked.count:,} tasks would be {verb.done}", err=True)
            return
        # Of those that a job had before it was asked already.
        if not yes and (new := picked.count - picked.kept):
            click.confirm(f"{verb.name} {new:,} tasks?", abort=True, err=True)
        settings = {"journal": journal, "max_rate": max_rate, "max_in_flight": max_in_flight}
        passes = _Passes(verb, tasks, picked, pick, reason, settings, told)
        try:
            answered(client, passes.run)
        finally:
            passes.report()
    if passes.failed or told.error is not None:
        click.get_current_context().exit(FAILED)


class _Passes:
    """Carries out what is picked, and picks again, until there is nothing more."""

    def __init__(
        self,
        verb: Verb,
        tasks: Tasks,
        picked: PickedTasks,
        pick: Callable[[PickedTasks], Any],
        why: str | None,
        settings: Mapping[str, Any],
        told: RunReport,
    ) -> None:
        self._verb = verb
        self._told = told
        self._tasks = tasks
        self._picked = picked
        self._pick = pick
        self._why = why
        self._settings = settings
        self._counts: Counter[str] = Counter()
        self._display = Display(None)

    @property
    def failed(self) -> int:
        """The number of tasks that could not be brought to what was wanted."""
        return self._counts["rejected"] + self._counts["unresolved"]

    async def run(self) -> None:
        """Run pass after pass."""
        picked, done = self._picked, 0
        with self._display:
            while picked.count > done:
                picked.keep()
                # A journal wants all rows again, those of earlier passes first.
                rows = picked.after(0 if self._settings["journal"] else done)
                done = picked.count
                await self._carry_out(rows)
                await self._pick(picked)

    async def _carry_out(self, sids: Iterable[str]) -> None:
        outcomes = self._verb.begin(self._tasks, sids, self._why, **self._settings)
        self._told.follow(outcomes)
        async for outcome in outcomes:
            self._count(outcome)
            self._display.show(self._counts.total(), self._text())

    def _count(self, outcome: AnyOutcome[Any]) -> None:
        if not isinstance(outcome, Rejected | Unresolved):
            is_gone = isinstance(outcome, Deleted) and self._verb.done != "deleted"
            self._counts["gone" if is_gone else self._verb.done] += 1
            return
        kind = "rejected" if isinstance(outcome, Rejected) else "unresolved"
        self._counts[kind] += 1
        if self.failed <= _MOST_REASONS:
            self._display.say(f"{outcome.row} {kind}: {reason(outcome.error)}")

    def _text(self) -> str:
        counts = self._counts
        return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)

    def report(self) -> None:
        """Say what became of the tasks."""
        text = f": {self._text()}" if self._counts else ""
        click.echo(f"{self._counts.total():,} tasks{text}", err=True)
        if (line := self._told.write()) is not None:
            click.echo(line, err=True)
