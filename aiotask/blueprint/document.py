"""Documents: the contents of a workspace under names, checked before anything is sent."""

from collections.abc import Iterator, Mapping
from typing import Any

from aiotask._checks import shortened
from aiotask._encoding import JsonDocument, encode, field_types
from aiotask.blueprint.kinds import CHANNELS, CONFIGURATION, KINDS, WORKER, Kind
from aiotask.blueprint.references import with_sids

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
"""The rows of each kind that a document has, by what their names are matched by."""

BESIDE = frozenset(
    [
        "event_callback_url",
        "events_filter",
        "multi_task_enabled",
        "prioritize_queue_order",
        "tasks",
        "template",
    ]
)
"""Members of a workspace that fill a sandbox, and that a blueprint leaves alone."""

_DIGITS = "0" * 32
# Stand in for what a row leaves out: it may change one field of what is there.
_LEFT_OUT = {"friendly_name": "x", "unique_name": "x", CONFIGURATION: {}}
_LARGEST = 2**31 - 1


class BlueprintError(ValueError):
    """A document or a workspace cannot be used as a blueprint; the message names the place."""


def contents_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a workspace's contents, which may be under the name of the workspace."""
    if not isinstance(document, Mapping):
        raise BlueprintError(f"must be a mapping, not {type(document).__name__}")
    if document.keys() - KINDS.keys() - BESIDE and all(
        isinstance(held, Mapping) for held in document.values()
    ):
        if len(document) > 1:
            names = ", ".join(map(repr, document))
            raise BlueprintError(f"must be one workspace, not several: {names}")
        (document,) = document.values()
    unknown = ", ".join(sorted(map(str, document.keys() - KINDS.keys() - BESIDE)))
    if unknown:
        raise BlueprintError(f"there is no {unknown}; there are {', '.join(KINDS)}")
    return document


def rows_of(document: Mapping[str, Any]) -> Rows:
    """Return the checked rows of a document; a BlueprintError names the place of a mistake."""
    contents = contents_of(document)
    return {many: _rows(kind, contents[many]) for many, kind in KINDS.items() if many in contents}


def _rows(kind: Kind, given: Any) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    if not isinstance(given, list | tuple):
        raise BlueprintError(f"{kind.many}: must be a list, not {type(given).__name__}")
    for number, row in enumerate(given):
        place = f"{kind.many}[{number}]"
        if not isinstance(row, Mapping):
            raise BlueprintError(f"{place}: must be a mapping, not {type(row).__name__}")
        name = row.get(kind.key)
        if not isinstance(name, str):
            raise BlueprintError(f"{place}.{kind.key}: must be a text, not {shortened(name)}")
        if kind.same(name) in rows:
            raise BlueprintError(f"{place}: the {kind.name} {name!r} is there twice")
        rows[kind.same(name)] = _checked(kind, f"{kind.many} {name!r}", row)
    return rows


def _checked(kind: Kind, place: str, row: Mapping[str, Any]) -> Row:
    known = {*field_types(kind.shape), *((CHANNELS,) if kind is WORKER else ())}
    unknown = ", ".join(sorted(map(str, row.keys() - known)))
    if unknown:
        raise BlueprintError(
            f"{place}: there is no {unknown}; there are {', '.join(sorted(known))}"
        )
    fields = {
        name: value.to_document() if isinstance(value, JsonDocument) else value
        for name, value in row.items()
    }
    sent = {name: value for name, value in _LEFT_OUT.items() if name in known} | fields
    _check_channels(place, sent.pop(CHANNELS, {}))
    for name in kind.activities:
        if name in sent:
            if not isinstance(sent[name], str):
                raise BlueprintError(f"{place}: {name}: must be a name")
            sent[name] = f"WA{_DIGITS}"
    for name in kind.texts:
        if name in sent:
            sent[name] = with_sids(sent[name], lambda kind, _: f"{kind.prefix}{_DIGITS}")
    try:
        encode(kind.shape, sent)
    except ValueError as error:
        raise BlueprintError(f"{place}: {error}") from error
    return fields


def _check_channels(place: str, channels: Any) -> None:
    if not isinstance(channels, Mapping):
        raise BlueprintError(f"{place}: {CHANNELS}: must map unique names to capacities")
    for name, capacity in channels.items():
        if type(capacity) is not int or not 0 <= capacity <= _LARGEST:
            raise BlueprintError(
                f"{place}: {CHANNELS}: {name}: must be a capacity, not {shortened(capacity)}"
            )


def members_beside(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the members of a document that only a sandbox takes."""
    yield from sorted(contents_of(document).keys() & BESIDE)
