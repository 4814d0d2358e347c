"""Commands that resume an interrupted import."""

import shlex

import click
from yarl import URL

from aiotask.cli.client import connecting
from aiotask.cli.importing.input import STANDARD_INPUT, Input
from aiotask.cli.importing.output_file import STANDARD_OUTPUT
from aiotask.cli.importing.row_ranges import RowRanges
from aiotask.cli.options import is_given

_OUTPUTS = ("results", "rejects")


def same_command(ctx: click.Context) -> str:
    """Return how to resume with the same command."""
    same = shlex.join([*_command(ctx), *_options(ctx, set())])
    again = " the same input" if ctx.params["file"] == STANDARD_INPUT else ""
    return f"resume with{again}: {same}"


def rest_command(ctx: click.Context, source: Input, line: int, rest: RowRanges) -> str:
    """Return how to import the *rest* of the rows, the last of which start at *line*."""
    if source.is_pipe:
        return f"the rest of the input starts at line {line}"
    rows = rest if source.rows is None else rest.within(source.rows)
    words = [*_command(ctx), *_options(ctx, {"rows", "limit", *_OUTPUTS})]
    words += ["--rows", str(rows)]
    for name in _OUTPUTS:
        if (path := ctx.params[name]) is not None:
            words += [f"--{name}", path if path == STANDARD_OUTPUT else f"{path}.rest"]
    return f"import the rest with: {shlex.join(words)}"


def _without_password(proxy: str) -> str:
    """Return the URL of a proxy with a word that has to be replaced by its password."""
    url = URL(proxy)
    return proxy if url.password is None else str(url.with_password("PASSWORD"))


def _command(ctx: click.Context) -> list[str]:
    """Return the words of a command, and its file where that is an argument."""
    names, parent = [ctx.command.name or ""], ctx.parent
    while parent is not None and parent.parent is not None:
        names.insert(0, parent.command.name or "")
        parent = parent.parent
    arguments = [each for each in ctx.command.params if isinstance(each, click.Argument)]
    given = [ctx.params[each.name or ""] for each in arguments]
    return ["aiotask", *names, *(str(each) for each in given if each is not None)]


def _options(ctx: click.Context, without: set[str]) -> list[str]:
    words = []
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, click.Option) or name in without:
            continue
        if is_given(ctx, name):
            value = ctx.params.get(name, connecting(ctx).get(name))
            for each in value if parameter.multiple and isinstance(value, tuple) else (value,):
                shown = _without_password(str(each)) if name == "proxy" else str(each)
                words += [parameter.opts[0], *([] if parameter.is_flag else [shown])]
    return words
