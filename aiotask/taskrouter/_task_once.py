"""The one task that has a key: found in lists or events, or created by a bulk run of one row."""

from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

from aiotask._single_flight import SingleFlight
from aiotask.bulk import (
    KEY_ATTRIBUTE,
    Created,
    Found,
    Keys,
    Lookup,
    Operation,
    Run,
    Settings,
    checked_key,
    source_of,
)
from aiotask.taskrouter._task_history import REACH, horizon
from aiotask.taskrouter._task_lookup import given_sid

_SHORTEST_STALL = 1.0  # seconds
_LONGEST_STALL = 1e9  # for a policy without a deadline
_UNKNOWN = datetime.max.replace(tzinfo=UTC)


async def made_once(
    creation: Operation,
    lookup: Lookup,
    flights: SingleFlight,
    key: str,
    settle: float,
    look_back: timedelta,
    fields: Mapping[str, Any],
) -> str:
    """Return the sid of the one task that has a key; raise what keeps it from being created."""
    key = checked_key("once", key)
    if not isinstance(look_back, timedelta):
        raise TypeError(f"look_back: must be a timedelta, not {type(look_back).__name__}")
    if not timedelta() <= look_back <= REACH:
        raise ValueError(f"look_back: must be 0 to {REACH.days} days, not {look_back}")
    settings = Settings(
        keys=Keys(KEY_ATTRIBUTE, lambda _: key, scope="workspace"),
        settle=settle,
        max_in_flight=1,
        screened=True,
        stall_timeout=min(max(creation.retry.deadline, _SHORTEST_STALL), _LONGEST_STALL),
    )
    creation.body(fields, lambda given: settings.keys.mark(given, "", 1, key))
    creation.check()
    name = f"{creation.path} {key}"
    async with flights.exclusive(name) as made:
        if made is not None:
            return made
        if (sid := await _existing(creation, lookup, key, look_back)) is None:
            run: Run[Mapping[str, Any]] = Run(source_of([fields]), creation, settings, lookup)
            sid = await _sole(run)
        sid = given_sid(sid)
        flights.remember(name, sid)
        return sid


async def _existing(
    creation: Operation, lookup: Lookup, key: str, look_back: timedelta
) -> str | None:
    """Return the oldest task that has a key, by lists, or else by the events of its creation."""
    # The service may match more than it is asked for.
    found = [each for each in await lookup.by_keys([key]) if each.key == key]
    if not found and look_back:
        since = horizon(look_back, creation.service_time, creation.retry.clock)
        async for portion in lookup.created_since(since):
            found += [each for each in portion if each.key == key]
    return min(found, key=_age).sid if found else None


def _age(found: Found) -> tuple[bool, datetime]:
    return found.is_copy, found.created or _UNKNOWN


async def _sole(run: Run[Any]) -> str:
    async with aclosing(run.outcomes()) as outcomes:
        outcome = await anext(outcomes)
    if isinstance(outcome, Created):
        return outcome.sid
    raise outcome.error
