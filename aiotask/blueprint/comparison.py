"""Comparison of what is there with a document: the steps that lead from one to the other."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from aiotask.blueprint.changes import Change, Differences, differences
from aiotask.blueprint.document import BlueprintError, Row, Rows
from aiotask.blueprint.kinds import (
    ACTIVITY,
    CHANNELS,
    CONFIGURATION,
    KINDS,
    TASK_CHANNEL,
    Kind,
)
from aiotask.blueprint.meaning import configuration_meaning, expression_meaning
from aiotask.blueprint.present import Held
from aiotask.blueprint.references import references

There = Mapping[str, Mapping[str, list[Held]]]
"""The resources of a workspace, by kind and by name in the form in which names are matched."""


@attrs.frozen(kw_only=True)
class Step:
    """A change, with what it needs: *held* is what is there, and *row* what it becomes."""

    change: Change
    kind: Kind
    held: Held | None = None
    row: Row = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Comparison:
    """Steps in the order that works, and what is left alone."""

    steps: list[Step]
    left: list[Step]


def compare(there: There, wanted: Rows, *, prune: bool = False) -> Comparison:
    """Return the steps from what is there to a document; *prune* deletes what is not in it."""
    steps: list[Step] = []
    left: list[Step] = []
    deletions: list[Step] = []
    for many, rows in wanted.items():
        kind = KINDS[many]
        held = there.get(many, {})
        for name, row in rows.items():
            steps += _steps(kind, held.get(name, []), row)
        for each in (each for name in held.keys() - rows.keys() for each in held[name]):
            deleted = prune and each.name not in kind.kept
            change = _change(kind, each.name, "delete" if deleted else "leave")
            (deletions if deleted else left).append(Step(change=change, kind=kind, held=each))
    # What refers to others goes before them.
    order = [*KINDS]
    deletions.sort(key=lambda step: (-order.index(step.kind.many), step.change.name))
    left.sort(key=lambda step: (order.index(step.kind.many), step.change.name))
    return Comparison(steps=steps + deletions, left=left)


def check_references(there: There, wanted: Rows, *, prune: bool) -> None:
    """Raise a BlueprintError for a name that a row refers to and that will not be there."""
    for many, rows in wanted.items():
        for row in rows.values():
            place = f"{many} {row[KINDS[many].key]!r}"
            for kind, name in _references(KINDS[many], row):
                key, held = kind.same(name), there.get(kind.many, {})
                if key in wanted.get(kind.many, {}):
                    continue
                if key not in held:
                    raise BlueprintError(f"{place}: there is no {kind.name} {name!r}")
                if len(held[key]) > 1:
                    raise BlueprintError(_twice(kind, held[key]))
                if prune and kind.many in wanted and name not in kind.kept:
                    raise BlueprintError(
                        f"{place}: the {kind.name} {name!r} is not in the document, "
                        "and would be deleted"
                    )


def check_possible(steps: list[Step]) -> None:
    """Raise a BlueprintError for a change that the service does not have."""
    for step in steps:
        place = f"{step.kind.many} {step.change.name!r}"
        for field in step.kind.fixed:
            if step.change.action == "update" and field in step.change.fields:
                old, _ = step.change.fields[field]
                raise BlueprintError(f"{place}: {field}: is {old} there, and cannot be changed")
        if step.change.action == "create":
            required: frozenset[str] = step.kind.shape.__required_keys__  # type: ignore[attr-defined]  # of every TypedDict
            lacking = ", ".join(sorted(required - step.row.keys()))
            if lacking:
                raise BlueprintError(f"{place}: is not there, and lacks {lacking}")


def changed_fields(kind: Kind, old: Row, new: Row) -> Differences:
    """Return how fields of *new* differ from *old* by their meaning; others do not count."""
    found: Differences = {}
    for field, value in new.items():
        if field in kind.passing:
            continue
        before, after = old.get(field), value
        if field in (CONFIGURATION, *kind.texts):
            meaning = configuration_meaning if field == CONFIGURATION else expression_meaning
            before, after = meaning(before), meaning(after)
        elif field == CHANNELS:
            before = {name: (before or {}).get(name) for name in after}
        # An expression is shown as it is written.
        found.update(
            (place, (old.get(place, was), new.get(place, becomes)))
            for place, (was, becomes) in differences(field, before, after)
        )
    return found


def _steps(kind: Kind, held: list[Held], row: Row) -> Iterator[Step]:
    name = row[kind.key]
    if len(held) > 1:
        raise BlueprintError(_twice(kind, held))
    if not held:
        fields = {field: (None, value) for field, value in row.items() if field != kind.key}
        yield Step(change=_change(kind, name, "create", fields), kind=kind, row=row)
    elif fields := changed_fields(kind, held[0].row, row):
        change = _change(kind, name, "update", fields)
        yield Step(change=change, kind=kind, held=held[0], row=row)


def _change(kind: Kind, name: str, action: Any, fields: Differences | None = None) -> Change:
    return Change(kind=kind.name, name=name, action=action, fields=fields or {})


def _twice(kind: Kind, held: list[Held]) -> str:
    sids = ", ".join(each.sid for each in held)
    return f"the {kind.name} {held[0].name!r} is there twice: {sids}"


def _references(kind: Kind, row: Row) -> Iterator[tuple[Kind, str]]:
    for field in kind.activities:
        if field in row:
            yield ACTIVITY, row[field]
    for field in kind.texts:
        for other, name in references(row.get(field)):
            if [*KINDS].index(other.many) >= [*KINDS].index(kind.many):
                place = f"{kind.many} {row[kind.key]!r}"
                raise BlueprintError(f"{place}: {field}: cannot refer to a {other.name}")
            yield other, name
    for name in row.get(CHANNELS, {}):
        yield TASK_CHANNEL, name
