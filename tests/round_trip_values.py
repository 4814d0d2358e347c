"""Any value that a parameter takes, by what its TypedDict declares and by what the service refuses.

What has to be there already is an ``Existing``, until it is known what is there.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    Required,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs
from hypothesis import strategies as st

from aiotask._checks import Between, Form, Identifier, JsonLimit, Length, Past, Sid
from aiotask._encoding import Written, field_types, json_text
from aiotask.expression import literal
from aiotask.taskrouter import WorkflowConfiguration

Values = st.SearchStrategy[Any]

# Not every word for what is shown is the word for what is asked for.
SHOWN = {
    "capacity": ("configured_capacity",),
    "task_channel": ("task_channel_sid", "task_channel_unique_name"),
    "workflow_name": ("workflow_friendly_name",),
    "task_queue_name": ("task_queue_friendly_name",),
}


class Existing(NamedTuple):
    """Stands for one of the things that are there, of one of these kinds."""

    kinds: tuple[str, ...]
    which: int

    def among(self, there: Mapping[str, Sequence[str]]) -> str:
        found = [name for kind in self.kinds for name in there[kind]]
        return found[self.which % len(found)]


def existing(*kinds: str) -> Values:
    return st.builds(Existing, st.just(kinds), st.integers(0, 50))


class Configuration(NamedTuple):
    """A workflow's, to be given as the class that there is for it or as it is."""

    document: dict[str, Any]
    as_class: bool


def known(value: Any, there: Mapping[str, Sequence[str]], *, to_send: bool = True) -> Any:
    """Return *value* with what is there in place of what stands for it."""
    match value:
        case Existing():
            return value.among(there)
        case Configuration(document=document, as_class=as_class):
            plain = known(document, there)
            return WorkflowConfiguration.from_document(plain) if as_class and to_send else plain
        case dict():
            return {name: known(each, there, to_send=to_send) for name, each in value.items()}
        case list():
            return [known(each, there, to_send=to_send) for each in value]
    return value


TEXT = st.text(max_size=30)
NAME = st.text(min_size=1, max_size=64)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
JSON: Values = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.dictionaries(TEXT, JSON, max_size=4)
# Nobody listens there: the sandbox posts to these, and is refused at once.
URLS = st.builds(
    lambda scheme, rest: f"{scheme}://127.0.0.1:9/{''.join(rest.split())}",
    st.sampled_from(["http", "HTTPS", "https"]),
    TEXT,
)
ZONES = st.timezones() | st.builds(
    timezone, st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))
)
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2026, 1, 1), timezones=ZONES)  # noqa: DTZ001


NOW = datetime.now(UTC)


def _ago(seconds: int, zone: tzinfo) -> datetime:
    return (NOW - timedelta(seconds=seconds)).astimezone(zone)


def _literal(value: Any) -> str | None:
    try:
        return literal(value)
    except ValueError:
        return None


EXPRESSIONS = st.builds(
    lambda name, sign, value: f"{name} {sign} {_literal(value) or 1}",
    st.sampled_from(["skill", "a.b", "language"]),
    st.sampled_from(["==", "!=", "CONTAINS"]),
    st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | TEXT,
)
_QUEUE = existing("WQ")
_TARGETS = st.fixed_dictionaries(
    {"queue": _QUEUE},
    optional={
        "expression": EXPRESSIONS,
        "priority": st.integers(0, 2**31 - 1),
        "timeout": st.integers(1, 2**31 - 1),
        "order_by": st.sampled_from(["worker.level DESC", "worker.a"]),
        "note": JSON,
    },
)
_RULES = st.fixed_dictionaries(
    {"expression": EXPRESSIONS, "targets": st.lists(_TARGETS, min_size=1, max_size=2)},
    optional={"filter_friendly_name": TEXT},
)
CONFIGURATIONS = st.fixed_dictionaries(
    {
        "task_routing": st.fixed_dictionaries(
            {"filters": st.lists(_RULES, min_size=1, max_size=2)},
            optional={"default_filter": st.fixed_dictionaries({"queue": _QUEUE})},
        )
    }
)
_WORDS = st.sampled_from
_EVENTS = st.lists(
    _WORDS(["initiated", "ringing", "answered", "completed"]), min_size=1, max_size=3
)
SECONDS = st.integers(0, 999)

# What the service wants beyond what is declared.
WANTED: Mapping[str, Values] = {
    "tasks timeout": st.integers(1, 1_209_600),
    "task_queues friendly_name": NAME,
    "task_queues target_workers": EXPRESSIONS | _WORDS(["", "1==1"]),
    "task_channels unique_name": st.from_regex(r"[A-Za-z_$][A-Za-z0-9_$]{5,63}", fullmatch=True),
    "workflows friendly_name": st.text(min_size=1, max_size=255),
    "workflows configuration": st.builds(Configuration, CONFIGURATIONS, st.booleans()),
    "worker_channels capacity": st.integers(0, 50),
    "autopilot friendly_name": st.text(min_size=1, max_size=255),
    "reservations timeout": SECONDS,
    "reservations call_timeout": SECONDS,
    "reservations dequeue_timeout": SECONDS,
    "reservations beep": _WORDS(["true", "false", "onEnter", "onExit"]),
    "reservations conference_record": _WORDS(["record-from-start", "do-not-record"]),
    "reservations conference_trim": _WORDS(["trim-silence", "do-not-trim"]),
    "reservations recording_channels": _WORDS(["mono", "dual"]),
    "reservations jitter_buffer_size": _WORDS(["small", "medium", "large", "off"]),
    "reservations dequeue_status_callback_event": _EVENTS,
    "reservations call_from": NAME,
    "reservations redirect_call_sid": st.from_regex("CA[0-9a-fA-F]{32}", fullmatch=True),
    "reservations reservation_status": _WORDS(["accepted", "rejected", "wrapping", "completed"]),
    "tasks assignment_status": _WORDS(["canceled", "completed", "wrapping"]),
}
# ... and what filters are worth trying.
_LEVEL = st.builds("level == {}".format, st.integers(0, 3))
FILTERS: Mapping[str, Values] = {
    "friendly_name": NAME | _WORDS(["Ada", "aDA", "Sample Queue", "Default Fifo Workflow", "Idle"]),
    "activity_name": NAME | _WORDS(["Available", "Offline"]),
    "task_queue_name": NAME | _WORDS(["Sample Queue"]),
    "workflow_name": NAME | _WORDS(["Default Fifo Workflow"]),
    "event_type": NAME | _WORDS(["task.created", "worker.created"]),
    "priority": st.integers(0, 3),
    "ordering": _WORDS(["DateCreated:asc", "Priority:desc,DateCreated:desc"]),
    "evaluate_task_attributes": _LEVEL,
    "evaluate_worker_attributes": _LEVEL,
    "target_workers_expression": _LEVEL,
    # Statistics go back thirty days, and a beginning has to be before the end.
    "minutes": st.integers(1, 43_100),
    "start_date": st.builds(_ago, st.integers(3600, 29 * 86_400), ZONES),
    "end_date": st.builds(_ago, st.integers(-86_400, 1800), ZONES),
}


def values(shape: Any, wanted: Mapping[str, Values]) -> dict[str, Values]:
    """Return the strategy of each parameter of a shape."""
    hints = get_type_hints(shape, include_extras=True)
    return {
        name: wanted[name] if name in wanted else _declared(hints[name])
        for name in field_types(shape)
    }


def wanted_of(collection: str) -> dict[str, Values]:
    """Return what the service wants of the parameters of a collection."""
    names = [name.partition(" ") for name in WANTED]
    return {field: WANTED[f"{of} {field}"] for of, _, field in names if of == collection}


_MARKED: Mapping[type, Callable[[Any], Values]] = {
    Between: lambda bounds: st.integers(bounds.low, bounds.high),
    Length: lambda bounds: st.text(min_size=bounds.low, max_size=bounds.high),
    Sid: lambda sid: existing(*_prefixes(sid)),
    Identifier: lambda _: existing("TC", "channel"),
    Form: lambda form: URLS | st.just("") if _takes(form, "") else URLS,
    JsonLimit: lambda limit: DOCUMENTS.filter(
        lambda document: len(json_text(document)) <= limit.characters
    ),
    Past: lambda _: MOMENTS,
    Written: lambda _: st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=5),
}
_TYPES: Mapping[Any, Values] = {
    bool: st.booleans(), datetime: MOMENTS, int: INTEGERS, str: TEXT, Mapping: DOCUMENTS,
}  # fmt: skip


def _declared(hint: Any) -> Values:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Required, NotRequired):
        return _declared(inner[0])
    if origin is Annotated:
        return _MARKED[type(inner[1])](inner[1])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is Sequence:
        return st.lists(_declared(inner[0]), min_size=1, max_size=3)
    return _TYPES[origin or hint]


def _prefixes(marker: Sid) -> list[str]:
    kinds = ("WS", "WA", "WK", "WQ", "WW", "WT", "WR", "EV", "CA")
    return [kind for kind in kinds if _takes(marker, kind + "0" * 32)]


def _takes(marker: Any, value: str) -> bool:
    try:
        marker(value)
    except ValueError:
        return False
    return True


def shown(sent: Any) -> Any:
    """Return what a resource shows where this was sent."""
    if isinstance(sent, datetime):
        return sent.astimezone(UTC).replace(microsecond=0)
    return sent


def exact(value: Any) -> str:
    """Tell 1 from 1.0 and from true, which Python takes for equal."""
    return json.dumps(value, sort_keys=True, default=str)


def fields_of(data: st.DataObject, shape: Any, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw a value for each parameter, and then for some of them."""
    strategies = values(shape, wanted)
    needed = shape.__required_keys__
    some = data.draw(st.sets(st.sampled_from(sorted(strategies)))) | needed
    return [
        data.draw(st.fixed_dictionaries({name: strategies[name] for name in names}))
        for names in (sorted(strategies), sorted(some))
    ]


def become(fields: Mapping[str, Any]) -> str:
    """Say what becomes of a pending reservation, or of an accepted one in the case of three."""
    match fields.get("instruction"):
        case None:
            return str(fields.get("reservation_status", "pending"))
        case "reject":
            return "rejected"
        case "call" | "redirect" as instruction:
            return "accepted" if fields.get(f"{instruction}_accept") else "pending"
    return "accepted"


def written(value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return exact(value)
    return str(value)


# How a filter of a collection is more than that something is the same.
_MATCHES: Mapping[str, Callable[[Any, Any], object]] = {
    **dict.fromkeys(("minutes", "start_date", "end_date", "ordering"), lambda *_: True),
    # Every queue here takes every worker.
    "TaskQueue worker_sid": lambda *_: True,
    "Worker task_queue_sid": lambda *_: True,
    "Worker task_queue_name": lambda _, value: value == "Sample Queue",
    "Worker friendly_name": lambda item, value: item.friendly_name.casefold() == value.casefold(),
    "has_addons": lambda _, value: not value,
    "evaluate_worker_attributes": lambda _, value: value in ("level == 1", "level == 2"),
    "evaluate_task_attributes": lambda item, value: item.attributes["level"] == int(value[-1]),
    "target_workers_expression": lambda item, value: item.attributes["level"] == int(value[-1]),
}


def matches(item: Any, filters: Mapping[str, Any]) -> bool:
    """Say whether filters let an item pass."""
    if filters.keys() & {"start_date", "end_date"} and not _timely(item.event_date, filters):
        return False
    return all(_passes(item, name, value) for name, value in filters.items())


def _timely(date: datetime, filters: Mapping[str, Any]) -> bool:
    end = shown(filters.get("end_date", date))
    if "start_date" in filters:
        return bool(shown(filters["start_date"]) <= date <= end)
    return bool(end - timedelta(minutes=filters.get("minutes", 15)) <= date <= end)


def _passes(item: Any, name: str, value: Any) -> bool:
    special = _MATCHES.get(f"{type(item).__name__} {name}", _MATCHES.get(name))
    if special is not None:
        return bool(special(item, value))
    told = attrs.asdict(item, recurse=False)
    told |= told.get("event_data") or {}
    seen = [told.get(each) for each in SHOWN.get(name, (name,))]
    return any(each in value if isinstance(value, list) else each == value for each in seen)
