"""Lists of resources: the options of how they are shown, and their writing, page by page."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from aiotask._client import Client
from aiotask._paging import Listing
from aiotask.cli.client import answered
from aiotask.cli.options import unknown_field
from aiotask.cli.output import WRITERS, Writer, shown_fields

Command = TypeVar("Command", bound=Callable[..., Any])

# The largest page that Twilio gives: a list for a file or a pipe should take few requests.
_PAGE_SIZE = 1000


def list_options(resource: type) -> Callable[[Command], Command]:
    """Return a decorator that adds the options of a list of a resource."""
    known = shown_fields(resource)

    def chosen(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
        if text is None:
            return None
        names = [name.strip() for name in text.split(",")]
        for name in names:
            if name not in known:
                raise click.BadParameter(unknown_field(name, known))
            if names.count(name) > 1:
                raise click.BadParameter(f"{name} is there twice")
        return names

    def add(command: Command) -> Command:
        for option in (
            click.option(
                "--fields",
                metavar="NAME,…",
                callback=chosen,
                help="Show these fields only, in this order; without it a table shows the main "
                "ones.",
            ),
            click.option(
                "--output",
                type=click.Choice(list(WRITERS)),
                help="Format of the list; by default a table on a terminal, and JSON Lines "
                "elsewhere.",
            ),
            click.option(
                "--limit", metavar="N", type=click.IntRange(min=0), help="List at most this many."
            ),
        ):
            command = option(command)
        return command

    return add


def write_list(
    client: Client,
    listing: Callable[..., Listing[Any]],
    resource: type,
    limit: int | None,
    output: str | None,
    fields: Sequence[str] | None,
) -> None:
    """Write the list that *listing* gives for a window, in a format."""
    size = _PAGE_SIZE if limit is None else max(1, min(limit, _PAGE_SIZE))

    async def listed(writer: Writer) -> None:
        async for page in listing(limit=limit, page_size=size).pages():
            writer.write(page.items)
        writer.finish()

    form = output or ("table" if sys.stdout.isatty() else "jsonl")
    answered(client, lambda: listed(WRITERS[form](resource, fields)))
