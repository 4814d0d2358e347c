"""Options made from the fields of an operation, and values read from text.

A field, its type and its description are declared once, in the TypedDict that the client takes.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from math import isfinite
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from aiotask._checks import shortened
from aiotask._encoding import field_types
from aiotask._json import loads
from aiotask.cli.field_texts import field_texts

Command = TypeVar("Command", bound=Callable[..., Any])

_METAVARS: Mapping[Any, str] = {str: "TEXT", int: "N", datetime: "DATE", Mapping: "JSON"}
_SEVERAL = "It may be given several times."
_TRUTHS = {"true": True, "false": False}
_WHOLE = re.compile("[+-]?[0-9]+")


def value_of(kind: Any, text: str) -> Any:
    """Return *text* as a value of *kind*, one of the types of ``field_types``.

    A ValueError says what is wrong. The client checks the bounds of a value.
    """
    if kind is int:
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"must be a whole number, not {text!r}")
        return int(text)
    if kind is bool:
        if text.lower() not in _TRUTHS:
            raise ValueError(f"must be true or false, not {text!r}")
        return _TRUTHS[text.lower()]
    if kind is datetime:
        return moment(text)
    if kind is Mapping:
        try:
            return loads(text)
        except ValueError as error:
            raise ValueError(f"is not JSON: {error}") from error
    return text


def moment(text: str) -> datetime:
    """Return a date and time in ISO 8601 format."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        example = "2026-11-21T09:30:00Z"
        raise ValueError(f"must be a date and time like {example}, not {text!r}") from None


@lru_cache
def unknown_field(name: str, known: tuple[str, ...]) -> str:
    """Return the message about a name that none of the *known* fields has."""
    close = difflib.get_close_matches(name, known, n=1) or known
    hint = "did you mean" if len(close) == 1 else "choose from"
    return f"unknown field {shortened(name)}; {hint} {', '.join(close)}"


class Number(click.FloatRange):
    """A finite number within bounds; click itself lets NaN pass."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class FieldOption(click.Option):
    """An option made from a field, whose description is its help: read when that is asked for."""

    def __init__(self, *names: Any, shape: type, field: str, **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.shape = shape
        self.field = field

    def _text(self) -> str | None:
        text = field_texts(self.shape).get(self.field)
        return f"{text} {_SEVERAL}" if text and self.multiple else text

    # click sets the help that it is given, which is none.
    help: Any = property(_text, lambda *_: None)


def field_options(shape: type) -> Callable[[Command], Command]:
    """Return a decorator that adds an option for every field of *shape*."""

    def add(command: Command) -> Command:
        hints = get_type_hints(shape)
        for name in reversed(field_types(shape)):
            command = _option(shape, name, hints[name])(command)
        return command

    return add


def option_name(shape: type, name: str) -> str:
    """Return what a field is called among the options.

    --timeout is the wait for an answer in every command, so other timeouts have other names.
    """
    if name != "timeout":
        return name
    return "task_timeout" if "priority" in field_types(shape) else "conference_timeout"


def given(shape: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of *shape* that a command's *options* give."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name in field_types(shape)
        if (value := options[option_name(shape, name)]) is not None and value != ()
    }


def is_given(ctx: click.Context, name: str) -> bool:
    """Return whether an option stands in the command line."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _option(shape: type, field: str, hint: Any) -> Callable[[Command], Command]:
    kind = field_types(shape)[field]
    is_required = field in shape.__required_keys__  # type: ignore[attr-defined]  # of every TypedDict
    name = option_name(shape, field)
    option = partial(click.option, cls=FieldOption, shape=shape, field=field)
    flag = name.rstrip("_").replace("_", "-")
    if kind is bool:
        return option(f"--{flag}/--no-{flag}", name, default=None)
    several = get_origin(hint) is Sequence
    if several:
        (hint,) = get_args(hint)
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return option(
        f"--{flag}",
        name,
        type=click.Choice(choices) if choices else str,
        callback=None if choices else _reader(kind),
        metavar=None if choices else _METAVARS[kind],
        multiple=several,
        required=is_required,
    )


def _reader(kind: Any) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    def read(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Any:
        try:
            return None if text is None else value_of(kind, text)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, parameter) from error

    return read
