"""Names of operations and their routes, in small and known numbers, from methods and URLs."""

import re
from functools import lru_cache
from typing import NamedTuple

# A proxy may put a prefix before it.
_PATH = re.compile("/v1/((?:Workspaces|Assistants)(?:/.*)?)$")
_WORDS = re.compile("(?<!^)(?=[A-Z])")
_STATISTICS = {"Statistics", "CumulativeStatistics", "RealTimeStatistics"}
_PARENTS = {
    "Assistants": "assistant",
    "Tasks": "task",
    "TaskQueues": "task_queue",
    "Workers": "worker",
    "Workflows": "workflow",
}
_NAMES = {"Channels": "worker_channels"}
_OF_ITEMS = {"GET": "fetch", "POST": "update", "DELETE": "delete"}
_OF_COLLECTIONS = {"GET": "list", "POST": "create"}


class Described(NamedTuple):
    """An operation, as it is called in Python, and its route, as Twilio's pages write it."""

    operation: str
    route: str


@lru_cache(512)  # hooks ask before and after a request, often of one URL
def described(method: str, url: str) -> Described:
    """Return what a request does: ``tasks.create``, ``/v1/Workspaces/{WorkspaceSid}/Tasks``.

    The operation is the way to it from the workspace, or the account: ``worker.statistics.fetch``.
    """
    found = _PATH.search(url.partition("?")[0])
    if found is None:
        return Described("other", "other")
    parts = found[1].split("/")
    way, route = [], ["", "v1"]
    while len(parts) > 2 and parts[1] not in _STATISTICS:  # noqa: PLR2004 - a parent, its sid, more
        collection = parts.pop(0)
        parts.pop(0)
        route += [collection, f"{{{collection.removesuffix('s')}Sid}}"]
        if collection in _PARENTS:
            way.append(_PARENTS[collection])
    last, *item = parts
    if item and item[0] in _STATISTICS:
        way.append(snake(last))
        route += [last, item[0]]
        return Described(_of_statistics(method, way, item[0], several=True), "/".join(route))
    if last in _STATISTICS:
        route.append(last)
        return Described(_of_statistics(method, way, last, several=False), "/".join(route))
    way.append(_NAMES.get(last) or snake(last))
    route += [last, "{Sid}"] if item else [last]
    way.append((_OF_ITEMS if item else _OF_COLLECTIONS).get(method, method.lower()))
    return Described(".".join(way), "/".join(route))


def _of_statistics(method: str, way: list[str], name: str, *, several: bool) -> str:
    if method == "POST":
        return ".".join([*way, f"bulk_{snake(name)}", "create"])
    pages = several and way[-1] == "task_queues" and name == "Statistics"
    return ".".join([*way, snake(name), "list" if pages else "fetch"])


def snake(name: str) -> str:
    """Return the name of a collection, as in paths, as Python writes it."""
    return _WORDS.sub("_", name).lower()
