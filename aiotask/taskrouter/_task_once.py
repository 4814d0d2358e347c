"""The one task that has a key: found, or made as a bulk creation of one row makes it."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from aiotask._single_flight import SingleFlight
from aiotask.bulk import KEY_ATTRIBUTE, Created, Keys, Run, Settings, checked_key, source_of
from aiotask.taskrouter._task_target import TaskTarget, given_sid

_LEAST_PATIENCE = 1.0  # seconds
_MOST_PATIENCE = 1e9  # where a policy has no deadline


async def made_once(
    target: TaskTarget, once: SingleFlight, key: str, settle: float, fields: Mapping[str, Any]
) -> str:
    """Return the sid of the one task that has a key; raise what keeps it from being made."""
    key = checked_key("once", key)
    settings = Settings(
        keys=Keys(KEY_ATTRIBUTE, lambda _: key),
        settle=settle,
        max_in_flight=1,
        patience=min(max(target.retry.deadline, _LEAST_PATIENCE), _MOST_PATIENCE),
    )
    target.body(fields, lambda given: settings.keys.mark(given, "", key))
    target.check()
    name = f"{target.path} {key}"
    async with once.alone(name) as made:
        if made is not None:
            return made
        there = await target.by_keys(KEY_ATTRIBUTE, [key])
        found = [each for each in there if each.key == key]  # whatever else the service matches
        sid = given_sid(found[0].sid if found else await _sole(fields, target, settings))
        once.remember(name, sid)
        return sid


async def _sole(fields: Mapping[str, Any], target: TaskTarget, settings: Settings) -> str:
    async with aclosing(Run(source_of([fields]), target, settings).outcomes()) as outcomes:
        outcome = await anext(outcomes)
    if isinstance(outcome, Created):
        return outcome.sid
    raise outcome.error
