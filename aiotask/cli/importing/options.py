"""Options of commands that read rows: how an input is read, and what becomes of its outcomes."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from aiotask.cli.client import CONNECTIONS, report_option
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.input import Format, InputSettings
from aiotask.cli.importing.row_kinds import RowKind
from aiotask.cli.importing.row_ranges import RowRanges
from aiotask.cli.importing.shape import RowShape, Shaping, fixed_values, mapping
from aiotask.cli.importing.stream import is_encoding
from aiotask.cli.options import Number

Command = TypeVar("Command", bound=Callable[..., Any])


def _delimiter(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    delimiter = "\t" if text in {"tab", "\\t"} else text
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise click.BadParameter(f"must be one character, or tab, not {text!r}")
    return delimiter


def _encoding(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    if name is not None and not is_encoding(name):
        raise click.BadParameter(f"{name!r} is not an encoding of text")
    return name


def _rows(_: click.Context, __: click.Parameter, text: str | None) -> RowRanges | None:
    try:
        return None if text is None else RowRanges.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_OUTCOMES = (
    click.option(
        "--stop-after",
        metavar="N",
        type=click.IntRange(min=1),
        help="Stop when this many rows were rejected.",
    ),
    click.option(
        "--rejects",
        metavar="PATH",
        type=click.Path(),
        help="Write the rejected rows to this file as they came, or to standard output for -.",
    ),
    click.option(
        "--results",
        metavar="PATH",
        type=click.Path(),
        help="Write every row's outcome to this file as JSON Lines, or to standard output for -.",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Send nothing: show three rows as they would be sent, and count those that are wrong.",
    ),
)
_READING = (
    click.option(
        "--limit", metavar="N", type=click.IntRange(min=1), help="Read only so many rows."
    ),
    click.option(
        "--rows",
        metavar="RANGES",
        callback=_rows,
        help="Read these rows of the input only, such as 3,5-9,120-.",
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        callback=_encoding,
        help="Encoding of the input; by default it is UTF-8.",
    ),
    click.option(
        "--delimiter",
        metavar="CHAR",
        callback=_delimiter,
        help="Character between the cells of CSV, or tab; by default the header decides.",
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(get_args(Format)),
        help="Format of the input; by default its ending and how it begins decide.",
    ),
    click.option(
        "--worksheet",
        metavar="NAME",
        help="Read this sheet of a workbook; by default the first one.",
    ),
    click.option(
        "--json-columns",
        metavar="NAME,…",
        help="Columns whose text is JSON, such as numbers and lists, where they become attributes.",
    ),
    click.option(
        "--set",
        "fixed",
        metavar="PLACE=VALUE",
        multiple=True,
        help="Give every row this value, in place of its own: a field like priority=5, or an "
        "attribute as JSON; several may be given.",
    ),
    click.option(
        "--map",
        "mapped",
        metavar="COLUMN=PLACE",
        multiple=True,
        help="Put a column into another field, or into an attribute, such as "
        "phone=attributes.phone; without a place it is left out; several may be given.",
    ),
    click.option(
        "--columns-as-attributes",
        is_flag=True,
        help="Make attributes of all columns that are not fields.",
    ),
)


def outcome_options(command: Command) -> Command:
    """Add the options of what becomes of the outcomes."""
    for option in (report_option, *_OUTCOMES):
        command = option(command)
    return command


def change_options(command: Command) -> Command:
    """Add the options of operations that may be repeated: the journal and the pace."""
    for option in (
        click.option(
            "--max-in-flight",
            metavar="N",
            type=click.IntRange(min=1),
            default=CONNECTIONS,
            show_default=True,
            help="Send at most this many requests at once.",
        ),
        click.option(
            "--max-rate",
            metavar="R",
            type=Number(min=0, min_open=True),
            help="Send at most this many rows a second; by default as the service bears.",
        ),
        click.option(
            "--journal",
            metavar="PATH",
            type=click.Path(),
            help="Record the progress in this file: the same command again goes on there.",
        ),
    ):
        command = option(command)
    return command


def reading_options(command: Command) -> Command:
    """Add the options of how an input is read."""
    for option in _READING:
        command = option(command)
    return command


def reading(
    kind: RowKind,
    *,
    columns_as_attributes: bool,
    mapped: tuple[str, ...],
    fixed: tuple[str, ...],
    json_columns: str | None,
    form: Format | None,
    delimiter: str | None,
    encoding: str | None,
    worksheet: str | None,
    rows: RowRanges | None,
    limit: int | None,
    key_column: str | None = None,
) -> InputSettings:
    """Return the settings for reading rows of a kind; a WrongUsageError says what is wrong."""
    shaping = Shaping(
        columns_as_attributes=columns_as_attributes,
        mapped=_checked("--map", lambda: mapping(kind, mapped)),
        fixed=_checked("--set", lambda: fixed_values(kind, fixed)),
        json_columns=frozenset(json_columns.split(",") if json_columns else ()),
        key_column=key_column,
    )
    return InputSettings(
        form=form,
        delimiter=delimiter,
        encoding=encoding,
        worksheet=worksheet,
        rows=rows if limit is None else RowRanges.first(limit, rows),
        shape=RowShape(kind, shaping),
    )


def _checked(option: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ValueError as error:
        raise WrongUsageError(f"{option}: {error}") from error
