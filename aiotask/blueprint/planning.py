"""Plan of a document: what differs in a workspace, and in which order it is changed."""

from collections.abc import Mapping
from typing import Any

import attrs

from aiotask.blueprint.changes import Change, Plan
from aiotask.blueprint.comparison import (
    Comparison,
    check_possible,
    check_references,
    compare,
)
from aiotask.blueprint.document import Row, Rows, members_beside, rows_of
from aiotask.blueprint.doubts import doubts_of, hopeless
from aiotask.blueprint.kinds import ACTIVITY, CHANNELS, KINDS, WORKER, Kind
from aiotask.blueprint.present import Held, Present, with_channels
from aiotask.blueprint.references import references, with_names
from aiotask.taskrouter import WorkspaceContext


@attrs.frozen(kw_only=True)
class Planned:
    """A plan and what it takes to carry it out: *sids* are those of all that is there."""

    comparison: Comparison
    wanted: Rows
    there: Mapping[str, Mapping[str, list[Held]]]
    has_workers: bool | None

    @property
    def changes(self) -> list[Change]:
        """The changes in order."""
        return [step.change for step in self.comparison.steps]

    @property
    def sids(self) -> dict[tuple[str, str], str]:
        """The sids of what is there, by kind and by what names are matched by."""
        return {
            (many, name): held[0].sid
            for many, named in self.there.items()
            for name, held in named.items()
        }


async def planned(
    workspace: WorkspaceContext, document: Mapping[str, Any], *, prune: bool
) -> Planned:
    """Compare a workspace with a document; nothing but reads is sent."""
    wanted = rows_of(document)
    with_workers = WORKER.many in wanted or any(
        kind is WORKER
        for many, rows in wanted.items()
        for row in rows.values()
        for text in KINDS[many].texts
        for kind, _ in references(row.get(text))
    )
    present = await Present.read(workspace, workers=with_workers)
    wanted = {
        many: {name: _named(KINDS[many], row, present) for name, row in rows.items()}
        for many, rows in wanted.items()
    }
    there = {many: present.named(kind) for many, kind in KINDS.items()}
    there[WORKER.many] = await _with_channels(workspace, there[WORKER.many], wanted)
    check_references(there, wanted, prune=prune)
    comparison = compare(there, wanted, prune=prune)
    check_possible(comparison.steps)
    return Planned(
        comparison=comparison, wanted=wanted, there=there, has_workers=present.has_workers
    )


async def plan(
    workspace: WorkspaceContext, document: Mapping[str, Any], *, prune: bool = False
) -> Plan:
    """Return the changes that make a workspace what a document says; nothing is changed.

    *document* is what :func:`export` returns, or the part of it that is to be looked after: kinds,
    rows and fields that it leaves out stay as they are, and rows are listed as ``left``. With
    *prune* the rows that it leaves out are deleted, but for kinds that it leaves out as a whole.
    A document that contradicts itself or the workspace is a :class:`BlueprintError`.
    """
    found = await planned(workspace, document, prune=prune)
    return await warned(workspace, document, found)


async def warned(workspace: WorkspaceContext, document: Mapping[str, Any], found: Planned) -> Plan:
    """Return a plan with what will never work."""
    warnings = [f"{name}: is for a sandbox, and left alone" for name in members_beside(document)]
    after = _afterwards(found)
    warnings += doubts_of(found.wanted, after)
    gone = _gone(found)
    for many, named in found.there.items():
        for held in named.values():
            sids = [each.sid for each in held if each.sid not in gone]
            if len(sids) > 1:
                twice = f"the {KINDS[many].name} {held[0].name!r} is there twice"
                warnings.append(f"{twice}: {', '.join(sids)}")
    # Workers that come with the plan may match; the service knows those alone that are there.
    if not any(change.kind == WORKER.name for change in found.changes):
        warnings += await hopeless(
            workspace, found.wanted, after, found.sids, has_workers=found.has_workers
        )
    left = [step.change for step in found.comparison.left]
    return Plan(found.changes, left, warnings)


def _named(kind: Kind, row: Row, present: Present) -> Row:
    """Return a row with the workspace's own sids read as names."""
    named = dict(row)
    for field in kind.activities:
        known = present.name_of(row.get(field, ""))
        if known is not None and known[0] is ACTIVITY:
            named[field] = known[1]
    for field in kind.texts:
        if field in row:
            named[field] = with_names(row[field], present.name_of)
    return named


async def _with_channels(
    workspace: WorkspaceContext, held: Mapping[str, list[Held]], wanted: Rows
) -> dict[str, list[Held]]:
    """Return the workers, those with the capacities whose rows have some."""
    rows = wanted.get(WORKER.many, {})
    asked = [
        each for name, workers in held.items() if CHANNELS in rows.get(name, {}) for each in workers
    ]
    read = await with_channels(workspace, asked)
    return {
        name: [attrs.evolve(each, row=each.row | read.get(each.sid, {})) for each in workers]
        for name, workers in held.items()
    }


def _gone(found: Planned) -> set[str]:
    """Return the sids of what the plan deletes."""
    return {
        step.held.sid
        for step in found.comparison.steps
        if step.held and step.change.action == "delete"
    }


def _afterwards(found: Planned) -> Rows:
    """Return what will be there once the plan is carried out."""
    gone = _gone(found)
    after: Rows = {}
    for many, kind in KINDS.items():
        rows = {
            name: each.row
            for name, held in found.there.get(many, {}).items()
            for each in held
            if each.sid not in gone
        }
        for name, row in found.wanted.get(many, {}).items():
            rows[name] = {**kind.defaults, **rows.get(name, {}), **row}
        after[many] = rows
    return after
