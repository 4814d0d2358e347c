"""Configuration of a workflow, built and checked in Python; expressions stay text.

The document is that of https://www.twilio.com/docs/taskrouter/workflow-configuration. Other
members of a document are kept, so that reading, changing and writing loses nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import attrs

from aiotask._checks import Between, shortened
from aiotask._encoding import JsonDocument
from aiotask._json import loads
from aiotask.taskrouter._fields import TASK_QUEUE

__all__ = ["DefaultFilter", "FilterTarget", "RoutingFilter", "WorkflowConfiguration"]

_DIGITS = re.compile(r"\d{1,10}", re.ASCII)


def _text(value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"must be a text that is not empty, not {shortened(value)}")


def _name(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {shortened(value)}")


def _whole(low: int) -> Callable[[Any], None]:
    bounds = Between(low, 2**31 - 1)

    def check(value: Any) -> None:
        if type(value) is not int:
            raise ValueError(f"must be an int, not {shortened(value)}")
        bounds(value)

    return check


def _a(kind: type) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if not isinstance(value, kind):
            raise ValueError(f"must be a {kind.__name__}, not {shortened(value)}")

    return check


def _several(kind: type) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, not {shortened(value)}")
        for place, each in enumerate(value):
            try:
                _a(kind)(each)
            except ValueError as error:
                raise ValueError(f"[{place}]: {error}") from None

    return check


def _checked(check: Callable[[Any], object]) -> Callable[..., None]:
    """Return a field's validator: *check*, but for an optional field that is None."""

    def validate(_: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
        if value is None and field.default is None:
            return
        try:
            check(value)
        except ValueError as error:
            raise ValueError(f"{field.name}: {error}") from None

    return validate


@attrs.frozen(kw_only=True)
class FilterTarget:
    """One step of a filter: a queue, the workers eligible there, and a time limit."""

    queue: str | None = attrs.field(default=None, validator=_checked(TASK_QUEUE))
    """SID of the queue; the one before has it unless given."""
    expression: str | None = attrs.field(default=None, validator=_checked(_name))
    """Which of the queue's workers, by ``task.`` and ``worker.`` attributes; all by default."""
    priority: int | None = attrs.field(default=None, validator=_checked(_whole(0)))
    """Priority that a task gets here, 0 to 2,147,483,647; its own by default."""
    timeout: int | None = attrs.field(default=None, validator=_checked(_whole(1)))
    """Seconds until the next step; without it, the task stays here."""
    skip_if: str | None = attrs.field(default=None, validator=_checked(_name))
    """Expression that is true where the step is passed over, such as ``workers.available == 0``."""
    order_by: str | None = attrs.field(default=None, validator=_checked(_name))
    """Which workers come first, such as ``worker.skill DESC``; the longest idle by default."""
    known_worker_sid: str | None = attrs.field(default=None, validator=_checked(_name))
    """Attribute with the SID of the only worker, such as ``task.agent_sid``."""
    known_worker_friendly_name: str | None = attrs.field(default=None, validator=_checked(_name))
    """Attribute with the name of the only worker; instead of the SID."""
    others: Mapping[str, Any] = attrs.field(factory=dict)
    """Other members that the document has here, which are kept."""

    def __attrs_post_init__(self) -> None:
        if self.known_worker_sid is not None and self.known_worker_friendly_name is not None:
            raise ValueError("known_worker_sid and known_worker_friendly_name exclude each other")


@attrs.frozen(kw_only=True)
class RoutingFilter:
    """A rule: tasks for which *expression* is true go through *targets* in order."""

    filter_friendly_name: str | None = attrs.field(default=None, validator=_checked(_name))
    """Name for people."""
    expression: str = attrs.field(validator=_checked(_text))
    """Which tasks go here, by their attributes."""
    targets: Sequence[FilterTarget] = attrs.field(validator=_checked(_several(FilterTarget)))
    """Steps, of which the first has to have a queue."""
    others: Mapping[str, Any] = attrs.field(factory=dict)
    """Other members that the document has here, which are kept."""

    def __attrs_post_init__(self) -> None:
        if not self.targets:
            raise ValueError("targets: must not be empty")
        if self.targets[0].queue is None:
            raise ValueError("targets[0]: must have a queue, because it has no predecessor")


@attrs.frozen(kw_only=True)
class DefaultFilter:
    """Target of the tasks for which no filter is true."""

    queue: str = attrs.field(validator=_checked(TASK_QUEUE))
    """SID of the queue."""
    others: Mapping[str, Any] = attrs.field(factory=dict)
    """Other members that the document has here, which are kept."""


@attrs.frozen(kw_only=True)
class WorkflowConfiguration(JsonDocument):
    """Routing rules of a workflow: the first filter whose expression is true takes the task.

    It is accepted as the *configuration* of a workflow.
    """

    filters: Sequence[RoutingFilter] = attrs.field(
        factory=list, validator=_checked(_several(RoutingFilter))
    )
    """Filters, in the order in which they are tried."""
    default_filter: DefaultFilter | None = attrs.field(
        default=None, validator=_checked(_a(DefaultFilter))
    )
    """Where tasks go for which no filter is true; without it, they fall out of the workflow."""
    others: Mapping[str, Any] = attrs.field(factory=dict)
    """Other members of the document's ``task_routing``, which are kept."""
    beside: Mapping[str, Any] = attrs.field(factory=dict)
    """Members of the document beside ``task_routing``, which are kept."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | str) -> Self:
        """Read a workflow's ``configuration``; a ValueError names the part that is wrong."""
        beside = _members(loads(document) if isinstance(document, str) else document, "it")
        routing = _members(beside.pop("task_routing", None), "task_routing")
        given = routing.pop("filters", None)
        rules, default = _items(given, "filters"), routing.pop("default_filter", None)
        if given is None and default is None:
            raise ValueError("a configuration needs filters, or a default_filter")
        if given is not None and not rules and default is not None:
            routing["filters"] = []  # beside a default filter it could be missing as well
        return cls(
            filters=[_rule(rule, f"filters[{place}]") for place, rule in enumerate(rules)],
            default_filter=None
            if default is None
            else _read(DefaultFilter, default, "default_filter"),
            others=routing,
            beside=beside,
        )

    def to_document(self) -> dict[str, Any]:
        """Return the document as a mapping, without members that are None."""
        routing = _written(self)
        if not self.filters and self.default_filter is not None and "filters" not in self.others:
            del routing["filters"]
        return {"task_routing": routing, **self.beside}


def _rule(rule: Any, place: str) -> Any:
    members = _members(rule, place)
    targets = _items(members.get("targets"), f"{place}.targets")
    members["targets"] = [
        _target(target, f"{place}.targets[{step}]") for step, target in enumerate(targets)
    ]
    return _read(RoutingFilter, members, place)


def _target(target: Any, place: str) -> Any:
    members = _members(target, place)
    for name in ("priority", "timeout"):
        value = members.get(name)
        # Twilio's own documents write many numbers as text.
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            members[name] = int(value)
    return _read(FilterTarget, members, place)


def _read(kind: Any, value: Any, place: str) -> Any:
    members, known = _members(value, place), {}
    for field in attrs.fields(kind):
        if field.name != "others" and field.name in members:
            known[field.name] = members.pop(field.name)
        elif field.default is attrs.NOTHING:
            raise ValueError(f"{place}: {field.name}: is missing")
    try:
        return kind(**known, others=members)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _members(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{place}: must be an object, not {shortened(value)}")
    return dict(value)


def _items(value: Any, place: str) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ValueError(f"{place}: must be a list, not {shortened(value)}")
    return value


def _written(part: Any) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for field in attrs.fields(type(part)):
        value = getattr(part, field.name)
        if field.name in ("others", "beside") or value is None:
            continue
        if isinstance(value, list | tuple):
            value = [_written(each) for each in value]
        written[field.name] = _written(value) if isinstance(value, DefaultFilter) else value
    return {**part.others, **written}
