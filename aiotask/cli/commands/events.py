"""Command ``aiotask events tail``: the events of a workspace, as they come."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click

from aiotask._checks import printable
from aiotask._decoding import to_dict
from aiotask._json import dumps, json_or_text
from aiotask.cli.client import answered, open_workspace, workspace_options
from aiotask.cli.errors import INTERRUPTED, WrongUsageError
from aiotask.cli.lazy_group import LazyGroup
from aiotask.cli.options import Number, moment
from aiotask.cli.signals import stop_signals
from aiotask.cli.warnings import warnings_said
from aiotask.sandbox.expressions.language import ExpressionError, parse
from aiotask.taskrouter import Event, EventTail

Test = Callable[[Event], bool]

_DOCUMENTS = ("task_attributes", "worker_attributes")
# Event data is text; an expression compares these as numbers.
_NUMBERS = ("_age", "_capacity", "_count", "_ms", "_priority", "_time", "_version")
_MOST_DIGITS = 15


@click.group(cls=LazyGroup)
def events() -> None:
    """Follow the events of a workspace."""


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _test(_: click.Context, __: click.Parameter, text: str | None) -> Test:
    if text is None:
        return lambda event: event is not None
    try:
        expression = parse(text)
    except ExpressionError as error:
        raise click.BadParameter(str(error)) from error
    return lambda event: expression.test(_names(event))


def _names(event: Event) -> Mapping[str, Any]:
    """Return what the names of an expression mean for an event."""
    told = {name: _value(name, value) for name, value in (event.event_data or {}).items()}
    return told | to_dict(event)


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in _DOCUMENTS:
        return json_or_text(value)
    is_number = value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
    return int(value) if is_number and name.endswith(_NUMBERS) else value


@events.command("tail")
@workspace_options
@click.option("--task", metavar="SID", help="Only events of this task.")
@click.option("--event-type", metavar="TYPE", help="Only events of this type, as task.canceled.")
@click.option(
    "--where",
    "matches",
    metavar="EXPRESSION",
    callback=_test,
    help="Only events that match: of their fields, and of what they tell, as in "
    'event_type == "task.created" AND task_priority > 3 AND task_attributes.type == "support".',
)
@click.option(
    "--since",
    metavar="DATE",
    callback=_since,
    help="Begin with the events since this date; by default with those from now on.",
)
@click.option("--cursor", metavar="TEXT", help="Go on from where an earlier tail ended.")
@click.option(
    "--every",
    metavar="SECONDS",
    type=Number(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks while there is nothing new.",
)
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="End after N events.")
@click.option(
    "--output",
    type=click.Choice(["jsonl", "text"]),
    help="Format; by default text on a terminal, and JSON Lines elsewhere.",
)
def tail_(
    *,
    workspace: str,
    timeout: float,
    base_url: str | None,
    task: str | None,
    event_type: str | None,
    matches: Test,
    since: datetime | None,
    cursor: str | None,
    every: float,
    limit: int | None,
    output: str | None,
) -> None:
    """Print events as they come, until Ctrl-C, which says how to go on.

    Each event is printed once. While the service cannot be reached, the command waits for it.
    """
    client, there = open_workspace(workspace, timeout, base_url)
    filters: dict[str, Any] = {"task_sid": task, "event_type": event_type, "start_date": since}
    given = {name: value for name, value in filters.items() if value is not None}
    try:
        tail = there.events.tail(cursor, every=every, **given)
    except ValueError as error:
        raise WrongUsageError(str(error)) from error
    form = output or ("text" if sys.stdout.isatty() else "jsonl")
    write = _write_text if form == "text" else _write_json

    async def follow() -> bool:
        with warnings_said(lambda text: click.echo(printable(text), err=True)):
            return await _follow(tail, matches, write, limit)

    try:
        if answered(client, follow):
            click.get_current_context().exit(INTERRUPTED)
    finally:
        if (reached := tail.cursor) is not None:
            click.echo(f"go on with --cursor {reached}", err=True)


async def _follow(
    tail: EventTail[Event], matches: Test, write: Callable[[Event], None], limit: int | None
) -> bool:
    """Write events until there are enough, and return whether a signal ended it before."""
    stopped = asyncio.Event()
    with stop_signals(stopped.set):
        stop = asyncio.ensure_future(stopped.wait())
        written = 0
        try:
            while not stop.done():
                coming = asyncio.ensure_future(anext(tail))
                await asyncio.wait([coming, stop], return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    await asyncio.wait([coming])
                if coming.cancelled():
                    continue
                event = coming.result()
                if matches(event):
                    write(event)
                    written += 1
                    if written == limit:
                        return False
        finally:
            stop.cancel()
    return True


def _write_json(event: Event) -> None:
    output = sys.stdout.buffer
    output.write(dumps(to_dict(event)) + b"\n")
    output.flush()


def _write_text(event: Event) -> None:
    date = "" if event.event_date is None else f"{event.event_date:%Y-%m-%d %H:%M:%S}"
    said = event.description or event.resource_sid or ""
    click.echo(printable(f"{date}  {event.event_type or '':<28}  {said}"))
