"""References: sids in expressions and configurations as names, and names as sids.

A text has ``{activity:Lunch}`` in place of the activity's sid. Braces in a name are doubled there.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiotask.blueprint.kinds import ACTIVITY, TASK_CHANNEL, TASK_QUEUE, WORKER, Kind

NameOf = Callable[[str], tuple[Kind, str] | None]
"""Returns the kind and the name that a sid stands for, None for a sid of something else."""
SidOf = Callable[[Kind, str], str]
"""Returns the sid of a name."""

QUEUE = "queue"
"""The member of a configuration that holds a queue."""

_NAMED = {kind.name: kind for kind in (ACTIVITY, TASK_CHANNEL, WORKER, TASK_QUEUE)}
_SID = re.compile(r"(?<![A-Za-z0-9])(?:WA|TC|WK|WQ)[0-9a-fA-F]{32}(?![A-Za-z0-9])")
_REFERENCE = re.compile(r"\{(" + "|".join(_NAMED) + r"):((?:[^{}]|\{\{|\}\})+)\}")


def sids_in(text: str) -> set[str]:
    """Return the sids that a text holds."""
    return set(_SID.findall(text))


def with_names(value: Any, name_of: NameOf) -> Any:
    """Return a value with names in place of sids; a sid of something else stays."""

    def named(found: re.Match[str]) -> str:
        known = name_of(found[0])
        if known is None:
            return found[0]
        kind, name = known
        return f"{{{kind.name}:{name.replace('{', '{{').replace('}', '}}')}}}"

    def queue(sid: str) -> str:
        known = name_of(sid)
        return known[1] if known and known[0] is TASK_QUEUE else sid

    return _rewritten(value, lambda text: _SID.sub(named, text), queue)


def with_sids(value: Any, sid_of: SidOf) -> Any:
    """Return a value with sids in place of names."""
    return _rewritten(
        value,
        lambda text: _REFERENCE.sub(lambda found: sid_of(*_read(found)), text),
        lambda name: sid_of(TASK_QUEUE, name),
    )


def references(value: Any) -> Iterator[tuple[Kind, str]]:
    """Yield the kind and the name of each reference in a value."""
    found: list[tuple[Kind, str]] = []

    def seen(kind: Kind, name: str) -> str:
        found.append((kind, name))
        return name

    with_sids(value, seen)
    yield from found


def _read(found: re.Match[str]) -> tuple[Kind, str]:
    return _NAMED[found[1]], found[2].replace("{{", "{").replace("}}", "}")


def _rewritten(value: Any, text: Callable[[str], str], queue: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {
            name: queue(part)
            if name == QUEUE and isinstance(part, str)
            else _rewritten(part, text, queue)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [_rewritten(part, text, queue) for part in value]
    return value
