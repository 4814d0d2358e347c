"""Commands that resume an interrupted import."""

import shlex
from collections.abc import Sequence

import click
from click.core import ParameterSource

from aiotask.cli.importing.input import STANDARD_INPUT, Input
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.results import STANDARD_OUTPUT

_COMMAND = ("aiotask", "tasks", "import")


def same_command(ctx: click.Context) -> str:
    """Return how to resume with the same command."""
    file: str = ctx.params["file"]
    same = shlex.join([*_COMMAND, file, *_options(ctx, set())])
    return f"resume with{' the same input' if file == STANDARD_INPUT else ''}: {same}"


def rest_command(ctx: click.Context, given: Input, line: int, left: Sequence[Record]) -> str:
    """Return how to import the rows *left* and those from *line* on."""
    if given.name != ctx.params["file"]:
        return f"go on with what follows, from line {line}"
    name, header = shlex.quote(given.name), given.records.header
    if left:
        wanted = [f"{first},{last}p" for first, last in _ranges(left)]
        wanted = [*([f"1,{header}p"] if header else []), *wanted, f"{line},$p"]
        rest = f"sed -n {shlex.quote(';'.join(wanted))} {name}"
    else:
        rest = f"tail -n +{line} {name}"
        if header:
            rest = f"{{ head -n {header} {name}; {rest}; }}"
    words = [*_COMMAND, STANDARD_INPUT, *_options(ctx, {"results", "format_"})]
    results = ctx.params["results"]
    if results is not None:
        words += ["--results", results if results == STANDARD_OUTPUT else f"{results}.rest"]
    if given.format != "jsonl":
        words += ["--format", given.format]
    return f"import the rest with: {rest} | {shlex.join(words)}"


def _ranges(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Return the first and last lines of adjacent records."""
    ranges: list[tuple[int, int]] = []
    for record in records:
        first = ranges.pop()[0] if ranges and ranges[-1][1] + 1 == record.line else record.line
        ranges.append((first, record.last))
    return ranges


def _options(ctx: click.Context, without: set[str]) -> list[str]:
    words = []
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, click.Option) or name in without:
            continue
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = ctx.params.get(name)  # None for a flag that its callback handles
            words += [parameter.opts[0], *([] if value is None else [str(value)])]
    return words
