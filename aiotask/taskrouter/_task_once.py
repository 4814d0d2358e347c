"""The one task that has a key: found, or created by a bulk run of one row."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from aiotask._single_flight import SingleFlight
from aiotask.bulk import (
    KEY_ATTRIBUTE,
    Created,
    Keys,
    Lookup,
    Operation,
    Run,
    Settings,
    checked_key,
    source_of,
)
from aiotask.taskrouter._task_lookup import given_sid

_SHORTEST_STALL = 1.0  # seconds
_LONGEST_STALL = 1e9  # for a policy without a deadline


async def made_once(
    creation: Operation,
    lookup: Lookup,
    flights: SingleFlight,
    key: str,
    settle: float,
    fields: Mapping[str, Any],
) -> str:
    """Return the sid of the one task that has a key; raise what keeps it from being created."""
    key = checked_key("once", key)
    settings = Settings(
        keys=Keys(KEY_ATTRIBUTE, lambda _: key, scope="workspace"),
        settle=settle,
        max_in_flight=1,
        stall_timeout=min(max(creation.retry.deadline, _SHORTEST_STALL), _LONGEST_STALL),
    )
    creation.body(fields, lambda given: settings.keys.mark(given, "", 1, key))
    creation.check()
    name = f"{creation.path} {key}"
    async with flights.exclusive(name) as made:
        if made is not None:
            return made
        there = await lookup.by_keys([key])
        found = [each for each in there if each.key == key]  # whatever else the service matches
        if found:
            sid = given_sid(found[0].sid)
        else:
            run: Run[Mapping[str, Any]] = Run(source_of([fields]), creation, settings, lookup)
            sid = given_sid(await _sole(run))
        flights.remember(name, sid)
        return sid


async def _sole(run: Run[Any]) -> str:
    async with aclosing(run.outcomes()) as outcomes:
        outcome = await anext(outcomes)
    if isinstance(outcome, Created):
        return outcome.sid
    raise outcome.error
