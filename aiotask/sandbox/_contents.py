"""Fill and snapshot: the contents of a sandbox as plain mappings.

Both execute requests on the service, so that mappings obey the same rules.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiotask.sandbox._json import dumps, loads
from aiotask.sandbox.api.dispatch import Request, Service
from aiotask.sandbox.model.account import is_sid
from aiotask.sandbox.model.refusals import Refusal


class _Kind(NamedTuple):
    path: str
    key: str
    """The key of the items in a page."""
    fields: str
    """The fields of create."""
    prefix: str = ""
    references: tuple[str, ...] = ()
    """Fields of other resources that hold its sid."""
    word: str = ""
    """Stands for the kind in an expression that names one of it."""
    name: str = "friendly_name"
    fixed: tuple[str, ...] = ()
    """Fields of create that update does not have."""


# In dependency order: each kind may refer to those before it.
_KINDS = {
    "activities": _Kind(
        "Activities",
        "activities",
        "friendly_name available",
        "WA",
        ("activity_sid", "reservation_activity_sid", "assignment_activity_sid"),
        "activity",
        fixed=("available",),
    ),
    "task_channels": _Kind(
        "TaskChannels",
        "channels",
        "friendly_name unique_name channel_optimized_routing",
        "TC",
        word="task_channel",
        name="unique_name",
        fixed=("unique_name",),
    ),
    "workers": _Kind(
        "Workers", "workers", "friendly_name activity_sid attributes channels", "WK", word="worker"
    ),
    "task_queues": _Kind(
        "TaskQueues",
        "task_queues",
        "friendly_name target_workers max_reserved_workers task_order reservation_activity_sid "
        "assignment_activity_sid",
        "WQ",
        ("task_queue_sid",),
        "task_queue",
    ),
    "workflows": _Kind(
        "Workflows",
        "workflows",
        "friendly_name configuration assignment_callback_url fallback_assignment_callback_url "
        "task_reservation_timeout",
        "WW",
        ("workflow_sid",),
    ),
    "tasks": _Kind(
        "Tasks",
        "tasks",
        "attributes priority task_channel timeout workflow_sid task_queue_sid virtual_start_time "
        "routing_target ignore_capacity",
    ),
}
_JSON = ("attributes", "configuration", "addons")
_SETTINGS = frozenset(["template", "event_callback_url", "events_filter", "multi_task_enabled",
                       "prioritize_queue_order"])  # fmt: skip

_TEXTS = ("target_workers", "configuration")
"""Fields with expressions, which name resources as ``{activity:Lunch}``; braces are doubled."""
_WORDS = {kind.word: kind for kind in _KINDS.values() if kind.word}
_NAMED = re.compile(r"\{(" + "|".join(_WORDS) + r"):((?:[^{}]|\{\{|\}\})+)\}")
_UNNAMED = "Sandbox"
"""The name of a workspace whose contents come without one."""

Contents = Mapping[str, Any]


class ContentsError(ValueError):
    """A mapping is invalid; the message names the place."""


class Filler:
    """Fills a sandbox from mappings, and reads it into mappings."""

    def __init__(self, service: Service, origin: str) -> None:
        self._service = service
        self._origin = origin

    def fill(self, contents: Contents) -> None:
        """Add workspaces by friendly name, with their contents, or the contents of one."""
        if any(
            name in _KINDS and isinstance(held, list | tuple) for name, held in contents.items()
        ):
            contents = {_UNNAMED: contents}
        for name, held in contents.items():
            _check_names(name, held, _KINDS.keys() | _SETTINGS)
            settings = {key: value for key, value in held.items() if key in _SETTINGS}
            made = self._make(name, "/v1/Workspaces", {"friendly_name": name, **settings})
            self._fill_workspace(name, f"/v1/Workspaces/{made['sid']}", held)

    def add_task(self, workspace_sid: str, row: Mapping[str, Any]) -> str:
        """Add one task to a workspace, and return its sid."""
        kind, path = _KINDS["tasks"], f"/v1/Workspaces/{workspace_sid}"
        _check_names("task", row, set(kind.fields.split()))
        fields = dict(row)
        self._resolve("task", path, fields)
        sid: str = self._make("task", f"{path}/{kind.path}", fields)["sid"]
        return sid

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return all contents, by the friendly names of the workspaces."""
        found = {}
        for workspace in self._listed("/v1/Workspaces", "workspaces"):
            path = f"/v1/Workspaces/{workspace['sid']}"
            held = {
                name: self._listed(f"{path}/{kind.path}", kind.key) for name, kind in _KINDS.items()
            }
            for task in held["tasks"]:
                below = f"{path}/Tasks/{task['sid']}/Reservations"
                task["reservations"] = self._listed(below, "reservations")
            for worker in held["workers"]:
                below = f"{path}/Workers/{worker['sid']}/Channels"
                worker["channels"] = self._listed(below, "channels")
            found[workspace["friendly_name"]] = {**workspace, **held}
        return found

    def _fill_workspace(self, workspace: str, path: str, held: Mapping[str, Any]) -> None:
        for name, kind in _KINDS.items():
            rows = held.get(name, ())
            # A new workspace has some activities and channels; a template, more.
            listed = self._listed(f"{path}/{kind.path}", kind.key) if rows else ()
            there = {each.get(kind.name): each for each in listed}
            for number, row in enumerate(rows):
                place = f"{workspace}.{name}[{number}]"
                _check_names(place, row, set(kind.fields.split()))
                # A new worker has its channels already; their capacities are updates.
                fields = {key: value for key, value in row.items() if key != "channels"}
                self._resolve(place, path, fields)
                made = there.pop(str(fields.get(kind.name)), None)
                if made is None:
                    made = self._make(place, f"{path}/{kind.path}", fields)
                else:
                    self._change(place, f"{path}/{kind.path}/{made['sid']}", kind, made, fields)
                for channel, capacity in row.get("channels", {}).items():
                    below = f"{path}/Workers/{made['sid']}/Channels/{channel}"
                    self._make(f"{place}.channels", below, {"capacity": capacity})

    def _resolve(self, place: str, path: str, fields: dict[str, Any]) -> None:
        """Replace friendly names by sids, also in the configuration of a workflow."""
        for kind in _KINDS.values():
            for field in kind.references:
                if field in fields:
                    fields[field] = self._sid(place, path, kind, fields[field])

        def sid_of(found: re.Match[str]) -> str:
            name = found[2].replace("{{", "{").replace("}}", "}")
            return self._sid(place, path, _WORDS[found[1]], name)

        def queue(name: str) -> str:
            return self._sid(place, path, _KINDS["task_queues"], name)

        for field in _TEXTS:
            if field in fields:
                fields[field] = _with_sids(
                    fields[field], lambda text: _NAMED.sub(sid_of, text), queue
                )

    def _sid(self, place: str, path: str, kind: _Kind, name: str) -> str:
        if is_sid(name, kind.prefix):
            return name
        for item in self._listed(f"{path}/{kind.path}", kind.key):
            if item[kind.name] == name:
                sid: str = item["sid"]
                return sid
        raise ContentsError(f"{place}: there is no {name!r} among the {kind.key}")

    def _change(
        self, place: str, path: str, kind: _Kind, old: Mapping[str, Any], fields: Mapping[str, Any]
    ) -> None:
        """Set the fields of what a new workspace has."""
        for name in kind.fixed:
            if name in fields and fields[name] != old[name]:
                raise ContentsError(f"{place}.{name}: is {old[name]!r}, and cannot be changed")
        changes = {name: value for name, value in fields.items() if name not in kind.fixed}
        self._make(place, path, changes)

    def _make(self, place: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        form = urlencode({_wire(name): _written(value) for name, value in fields.items()})
        try:
            made: dict[str, Any] = self._ask("POST", path, form=form.encode())
        except Refusal as refusal:
            raise ContentsError(f"{place}: {refusal.message}") from refusal
        return made

    def _listed(self, path: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        query = "PageSize=1000"  # the maximum: each page is a request
        while True:
            page = self._ask("GET", path, query=query.encode())
            found += page[key]
            following = page["meta"]["next_page_url"]
            if following is None:
                return [_decoded(item) for item in found]
            query = following.partition("?")[2]

    def _ask(self, method: str, path: str, *, query: bytes = b"", form: bytes = b"") -> Any:
        request = Request(
            method=method, origin=self._origin, path=path, query=query, form=form, if_match=None
        )
        return loads(self._service.carry_out(request).body)


def _check_names(place: str, row: Any, known: AbstractSet[str]) -> None:
    if not isinstance(row, Mapping):
        raise ContentsError(f"{place}: must be a mapping, not {type(row).__name__}")
    unknown = ", ".join(sorted(row.keys() - known))
    if unknown:
        raise ContentsError(f"{place}: there is no {unknown}; there are {', '.join(sorted(known))}")


def _wire(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    # A form writes numbers, truth values, mappings and lists as JSON does.
    return dumps(value).decode()


def _decoded(item: dict[str, Any]) -> dict[str, Any]:
    for name in _JSON:
        if isinstance(item.get(name), str):
            item[name] = loads(item[name])
    return item


def _with_sids(part: Any, text: Callable[[str], str], queue: Callable[[str], str]) -> Any:
    """Return a part of a configuration with sids in place of names."""
    if isinstance(part, str):
        return text(part)
    if isinstance(part, Mapping):
        return {
            key: queue(value) if key == "queue" else _with_sids(value, text, queue)
            for key, value in part.items()
        }
    if isinstance(part, Iterable):
        return [_with_sids(each, text, queue) for each in part]
    return part
