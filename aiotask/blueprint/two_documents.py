"""Difference of two documents."""

from collections.abc import Mapping
from typing import Any

import attrs

from aiotask.blueprint.changes import Change
from aiotask.blueprint.comparison import compare
from aiotask.blueprint.document import Row, Rows, rows_of
from aiotask.blueprint.kinds import CHANNELS, KINDS
from aiotask.blueprint.present import Held


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return the changes that lead from one document to another, for kinds that both have.

    A field that a row leaves out has the service's default, if there is one, or is not set.
    Capacities are compared where both have one.
    """
    before, after = _whole(old), _whole(new)
    before = {many: rows for many, rows in before.items() if many in after}
    after = {many: rows for many, rows in after.items() if many in before}
    there = {
        many: {
            name: [Held(sid="", name=row[KINDS[many].key], row=row)] for name, row in rows.items()
        }
        for many, rows in before.items()
    }
    for many, rows in after.items():
        for name, row in rows.items():
            rows[name] = _with_all_fields(before[many].get(name, {}), row)
    found = compare(there, after, prune=True)
    gone = [attrs.evolve(step.change, action="delete") for step in found.left]
    return [step.change for step in found.steps] + gone


def _whole(document: Mapping[str, Any]) -> Rows:
    return {
        many: {name: {**KINDS[many].defaults, **row} for name, row in rows.items()}
        for many, rows in rows_of(document).items()
    }


def _with_all_fields(old: Row, new: Row) -> Row:
    """Return a row with None for the fields that only the old one has."""
    if not old:
        return new
    whole = {**dict.fromkeys(old), **new}
    capacities = whole.pop(CHANNELS, None)
    if capacities and CHANNELS in old:
        whole[CHANNELS] = {
            name: capacity for name, capacity in capacities.items() if name in old[CHANNELS]
        }
    return whole
