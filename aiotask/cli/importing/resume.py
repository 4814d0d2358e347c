"""Commands that resume an interrupted import."""

import shlex

import click
from click.core import ParameterSource
from yarl import URL

from aiotask.cli.client import connecting
from aiotask.cli.importing.input import STANDARD_INPUT, Input
from aiotask.cli.importing.output_file import STANDARD_OUTPUT
from aiotask.cli.importing.row_ranges import RowRanges

_OUTPUTS = ("results", "rejects")
_COMMAND = ("aiotask", "tasks", "import")


def same_command(ctx: click.Context) -> str:
    """Return how to resume with the same command."""
    file: str = ctx.params["file"]
    same = shlex.join([*_COMMAND, file, *_options(ctx, set())])
    return f"resume with{' the same input' if file == STANDARD_INPUT else ''}: {same}"


def rest_command(ctx: click.Context, source: Input, line: int, rest: RowRanges) -> str:
    """Return how to import the *rest* of the rows, the last of which start at *line*."""
    if source.lines is None:
        return f"the rest of the input starts at line {line}"
    rows = rest if source.rows is None else rest.within(source.rows)
    words = [*_COMMAND, ctx.params["file"], *_options(ctx, {"rows", *_OUTPUTS})]
    words += ["--rows", str(rows)]
    for name in _OUTPUTS:
        if (path := ctx.params[name]) is not None:
            words += [f"--{name}", path if path == STANDARD_OUTPUT else f"{path}.rest"]
    return f"import the rest with: {shlex.join(words)}"


def _without_password(proxy: str) -> str:
    """Return the URL of a proxy with a word that has to be replaced by its password."""
    url = URL(proxy)
    return proxy if url.password is None else str(url.with_password("PASSWORD"))


def _options(ctx: click.Context, without: set[str]) -> list[str]:
    words = []
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, click.Option) or name in without:
            continue
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = ctx.params.get(name, connecting(ctx).get(name))
            shown = _without_password(str(value)) if name == "proxy" else str(value)
            words += [parameter.opts[0], *([] if parameter.is_flag else [shown])]
    return words
