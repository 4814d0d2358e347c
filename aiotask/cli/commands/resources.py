"""Commands of every resource of the tree, made of its operations and their fields."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import click

from aiotask._encoding import field_types
from aiotask.cli.client import (
    answered,
    open_client,
    open_workspace,
    service_options,
    workspace_options,
)
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.listing import list_options, write_list
from aiotask.cli.options import field_options, given, is_given, option_name
from aiotask.cli.output import write_one
from aiotask.cli.tree import WORKSPACE, Operation, operations

_PREFIXES = {
    "workspace": "WS", "task": "WT", "workflow": "WW", "task_queue": "WQ", "worker": "WK",
    "assistant": "UA",
}  # fmt: skip
_VERBS = {
    "list": "List the {several} of {place}.",
    "create": "Create {one} and print it as JSON.",
    "fetch": "Print {one} as JSON.",
    "update": "Change {one} and print it as JSON.",
    "delete": "Delete {one}.",
}
_SINGULAR = {"activities": "activity"}


def add_resources(main: click.Group) -> None:
    """Add the commands of all resources that have none yet."""
    found = sorted(operations(), key=lambda each: each.words)
    for words, same in groupby(found, key=lambda each: each.words):
        group = _group(main, words[:-1])
        if words[-1] not in group.commands:
            group.add_command(_command([*same]))


def _group(main: click.Group, words: Sequence[str]) -> click.Group:
    """Return the group of these words, made where it is missing."""
    group = main
    for position, word in enumerate(words):
        present = group.commands.get(word)
        if not isinstance(present, click.Group):
            where = f" of {_a(words[position - 1])}" if position else ""
            present = click.Group(word, help=f"Work on the {word.replace('-', ' ')}{where}.")
            group.add_command(present)
        group = present
    return group


def _a(word: str) -> str:
    """Return a word for several things as one for a single one, with its article."""
    one = _SINGULAR.get(word, word.removesuffix("s")).replace("-", " ")
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}"


def _command(same: list[Operation]) -> click.Command:
    """Return the command of an operation, or of one for a resource and one for all of them."""
    of_one = next((each for each in same if each.places), None)
    of_all = next((each for each in same if not each.places), None)
    first = of_one or same[0]
    both = of_one is not None and of_all is not None
    arguments = _arguments(first, optional=both)
    function = _function(first, of_all, [name for name, _ in arguments])
    # One of two shapes has the fields of the other, too.
    shapes = [each.shape for each in same if each.shape is not None]
    shape = max(shapes, key=lambda each: len(field_types(each)), default=None)
    if shape is not None:
        function = field_options(shape)(function)
    if first.has_etag:
        function = click.option(
            "--if-match", metavar="ETAG", help="Act only if it still has this ETag."
        )(function)
    if any(each.verb == "list" for each in same):
        kind = next(each.kind for each in same if each.verb == "list")
        function = list_options(kind.resource)(function)  # type: ignore[attr-defined]  # of every collection
    apart = first.way[0] != WORKSPACE or first.is_of_workspace
    function = (service_options if apart else workspace_options)(function)
    for name, metavar in reversed(arguments):
        function = click.argument(name, metavar=metavar, required=not both)(function)
    named = click.command(first.words[-1], help=_help(first, of_all))
    return named(click.pass_context(function))


def _arguments(operation: Operation, *, optional: bool) -> list[tuple[str, str]]:
    named = [(place, _PREFIXES[place]) for place in operation.places]
    if operation.takes_sid:
        named.append(("of_sid", "SID"))
    return [(name, f"[{metavar}]" if optional else metavar) for name, metavar in named]


def _help(operation: Operation, of_all: Operation | None) -> str:
    words = [word for word in operation.words if word != operation.verb]
    name = words[-1].replace("real-time-", "real-time ").replace("bulk-", "bulk ")
    name = name if "real-time " in name else name.replace("-", " ")
    held = f"the {operation.places[0].replace('_', ' ')}" if operation.places else "the workspace"
    if operation.way == ("workspaces",):
        held = "the account"
    if not operation.is_collection:
        whose = _PREFIXES[operation.places[0]] if operation.places else f"the {words[0]}"
        text = f"Print {name} of {whose.replace('-', ' ')} as JSON."
        if operation.places and of_all is not None:
            text += f"\n\nWithout {whose}: of all {words[0].replace('-', ' ')}."
        return text
    one = f"{_a(words[-1]).partition(' ')[2]} SID" if operation.takes_sid else _a(words[-1])
    whole = f"the {one}" if operation.takes_sid else one
    return _VERBS[operation.verb].format(several=name, one=whole, place=held)


def _function(
    first: Operation, of_all: Operation | None, arguments: list[str]
) -> Callable[..., None]:
    def call(ctx: click.Context, /, **options: Any) -> None:
        sids = [options.pop(name) for name in arguments]
        operation = of_all if of_all is not None and None in sids else first
        if of_all is not None and operation is not of_all:
            _check_of_one(ctx, operation, of_all)
        _carry_out(operation, [sid for sid in sids if sid is not None], options)

    return call


def _carry_out(operation: Operation, sids: list[str], options: dict[str, Any]) -> None:
    shape = operation.shape
    fields = {} if shape is None else given(shape, options)
    if operation.verb == "update" and not fields:
        raise WrongUsageError("nothing to change: give at least one field")
    timeout, base_url = options["timeout"], options["base_url"]
    place: Any
    if operation.way[0] == WORKSPACE:
        workspace = options["workspace"] if "workspace" in options else sids.pop(0)
        given_as = "--workspace" if "workspace" in options else "WS"
        client, place = open_workspace(workspace, timeout, base_url, given_as=given_as)
        way = operation.way[1:]
    else:
        client = open_client(timeout, base_url)
        place = client.autopilot if operation.places else client.taskrouter
        way = operation.way
    collection = _followed(place, way, sids)
    method = getattr(collection, operation.verb)
    control = {} if options.get("if_match") is None else {"if_match": options["if_match"]}
    if operation.verb == "list":
        shown = options["limit"], options["output"], options["fields"]
        write_list(client, lambda **window: method(**window, **fields), collection.resource, *shown)
        return
    found = answered(client, lambda: method(*sids, **control, **fields))
    if found is not None:
        write_one(found)


def _check_of_one(ctx: click.Context, of_one: Operation, of_all: Operation) -> None:
    """Refuse options that go only without a SID."""
    foreign = _own_options(of_all) - _own_options(of_one)
    for parameter in ctx.command.params:
        if (name := parameter.name or "") in foreign and is_given(ctx, name):
            raise WrongUsageError(f"{parameter.opts[0]}: goes with all of them, not with a SID")


def _own_options(operation: Operation) -> set[str]:
    """Return the names of the options that only some operations have."""
    names = {"limit", "output", "fields"} if operation.verb == "list" else set[str]()
    if (shape := operation.shape) is not None:
        names |= {option_name(shape, name) for name in field_types(shape)}
    return names


def _followed(place: Any, way: tuple[str, ...], sids: list[str]) -> Any:
    """Return the collection at the end of a way, whose places take the first sids."""
    for step in way:
        place = getattr(place, step)
        if callable(place):
            try:
                place = place(sids.pop(0))
            except ValueError as error:
                raise WrongUsageError(
                    f"{_PREFIXES[step]}: {str(error).removeprefix('sid: ')}"
                ) from error
    return place
