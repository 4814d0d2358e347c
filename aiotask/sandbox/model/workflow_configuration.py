"""Workflow configurations: parsing, validation and routing.

Source: Twilio's page on workflow configuration. Unknown keys are kept, as real documents have them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiotask.sandbox._json import JsonSyntaxError, loads
from aiotask.sandbox.expressions.language import (
    Attributes,
    Expression,
    ExpressionError,
    Path,
    Test,
    parse,
)
from aiotask.sandbox.model.events import Fact
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.worker_order import Column, parse_order, parse_reference

MAX_PRIORITY = 2**31 - 1
"""The highest priority of a task, and of a target."""

MAX_BYTES = 1_038_576
"""The longest configuration, by Twilio's page of limits."""

_KINDS: Mapping[type, str] = {dict: "an object", list: "a list", str: "a string"}
_DIGITS = re.compile(r"\d{1,10}", re.ASCII)
_KNOWN = ("known_worker_sid", "known_worker_friendly_name")

DEFAULT_RULE = -1
"""The number of the default filter; other filters count from 0."""


@dataclass(frozen=True, slots=True)
class Known:
    """A known worker: an attribute of the task holds the sid or the friendly name."""

    by_name: bool
    path: Path | None
    """None for a reference that is invalid; like null, it matches no worker."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A target of a filter; without a *priority* the task keeps its own."""

    queue_sid: str
    priority: int | None = None
    until: int | None = None
    """The sum of its timeout and those of earlier targets, in milliseconds."""
    expression: Expression | None = None
    skip_if: Test | None = None
    order_by: tuple[Column, ...] = ()
    known: Known | None = None
    facts: tuple[Fact, ...] = ()
    """Its filter's name and expression and its own, under the names of event_data."""


@dataclass(slots=True)
class Document:
    """A valid configuration: filters in order, and the default."""

    text: str
    filters: list[tuple[Test, tuple[Target, ...]]] = field(default_factory=list)
    default: Target | None = None
    queue_sids: set[str] = field(default_factory=set)

    def matching(self, attributes: Attributes, first: int = 0) -> Iterator[int]:
        """Yield the numbers of the matching filters, from *first* on, without the default."""
        for number in range(first, len(self.filters)):
            if self.filters[number][0](attributes):
                yield number

    def route(self, attributes: Attributes) -> int | None:
        """Return the number of the first matching filter, else of the default."""
        default = None if self.default is None else DEFAULT_RULE
        return next(self.matching(attributes), default)

    def target(self, rule: int, step: int) -> Target | None:
        """Return a target of a filter, or None."""
        if rule == DEFAULT_RULE:
            return self.default if step == 0 else None
        targets = self.filters[rule][1] if rule < len(self.filters) else ()
        return targets[step] if step < len(targets) else None


def read_document(text: str, queue_exists: Callable[[str], bool]) -> Document:
    """Parse a configuration; a refusal names the place of the mistake."""
    if len(text.encode()) > MAX_BYTES:
        raise invalid(f"Invalid Configuration: longer than {MAX_BYTES} bytes")
    try:
        parsed = loads(text)
    except JsonSyntaxError as error:
        raise invalid(f"Invalid Configuration: not JSON: {error}") from error
    return _Reader(text, queue_exists).read(parsed)


class _Reader:
    """Reads a document in one pass, and keeps track of the place."""

    def __init__(self, text: str, queue_exists: Callable[[str], bool]) -> None:
        self._document = Document(text)
        self._queue_exists = queue_exists

    def read(self, parsed: Any) -> Document:
        routing = _member(parsed, "task_routing", dict, "Configuration")
        if routing is None:
            raise _wrong("task_routing", "is missing")
        for place, rule in _each(_member(routing, "filters", list, "task_routing"), "filters"):
            self._read_filter(place, rule)
        default = _member(routing, "default_filter", dict, "task_routing")
        if default is not None:
            sid = self._queue("default_filter", default)
            self._document.default = Target(sid, facts=_facts(default, {}))
        return self._document

    def _read_filter(self, place: str, rule: Any) -> None:
        expression = _member(rule, "expression", str, place)
        if expression is None:
            raise _wrong(f"{place}.expression", "is missing")
        test = _expression(f"{place}.expression", expression)
        targets = _member(rule, "targets", list, place)
        if not targets:
            raise _wrong(f"{place}.targets", "is missing or empty")
        queue_sid, age, read = "", 0, []
        for at, target in _each(targets, f"{place}.targets"):
            # A target without a queue inherits that of the one before it.
            queue_sid = self._queue(at, target, queue_sid)
            timeout = _number(f"{at}.timeout", target.get("timeout"), 1)
            age += 1000 * (timeout or 0)
            until = age if timeout else None
            read.append(self._target(at, target, queue_sid, until, _facts(rule, target)))
        self._document.filters.append((test.test, tuple(read)))

    def _target(
        self,
        place: str,
        target: dict[str, Any],
        queue_sid: str,
        until: int | None,
        facts: tuple[Fact, ...],
    ) -> Target:
        expression = _member(target, "expression", str, place)
        skip_if = _member(target, "skip_if", str, place)
        return Target(
            queue_sid,
            _number(f"{place}.priority", target.get("priority"), 0),
            until,
            _expression(f"{place}.expression", expression) if expression else None,
            _expression(f"{place}.skip_if", skip_if).test if skip_if else None,
            _order(place, _member(target, "order_by", str, place)),
            _known(place, target),
            facts,
        )

    def _queue(self, place: str, holder: Any, inherited: str = "") -> str:
        sid = _member(holder, "queue", str, place) or inherited
        if not sid:
            raise _wrong(f"{place}.queue", "is missing")
        if not self._queue_exists(sid):
            raise _wrong(f"{place}.queue", f"{sid[:40]!r} is no TaskQueue of this Workspace")
        self._document.queue_sids.add(sid)
        return sid


def _wrong(place: str, what: str) -> Exception:
    return invalid(f"Invalid Configuration: {place} {what}")


def _member(holder: Any, name: str, kind: type, place: str) -> Any:
    """Return a member of an object; None if it is absent or null."""
    if not isinstance(holder, dict):
        raise _wrong(place, "is not an object")
    value = holder.get(name)
    if value is not None and not isinstance(value, kind):
        raise _wrong(f"{place}.{name}", f"is not {_KINDS[kind]}")
    return value


def _each(items: Sequence[Any] | None, place: str) -> Iterator[tuple[str, Any]]:
    return ((f"{place}[{index}]", item) for index, item in enumerate(items or ()))


def _number(place: str, value: Any, lowest: int) -> int | None:
    """Return a whole number; real documents often write it as a string."""
    if value is None:
        return None
    text = "" if isinstance(value, bool) else str(value)
    if not (_DIGITS.fullmatch(text) and lowest <= int(text) <= MAX_PRIORITY):
        raise _wrong(place, f"is not a whole number from {lowest} to {MAX_PRIORITY}")
    return int(text)


def _order(place: str, text: str | None) -> tuple[Column, ...]:
    try:
        return parse_order(text) if text else ()
    except ExpressionError as error:
        raise _wrong(f"{place}.order_by", f"is no ordering: {error}") from error


def _known(place: str, target: dict[str, Any]) -> Known | None:
    """Return the known worker of a target; only a reference to the task is valid."""
    texts = [(name, _member(target, name, str, place)) for name in _KNOWN]
    for name, text in texts:
        if text:
            path = _reference(f"{place}.{name}", text)
            fits = path is not None and path[0] == "task"
            return Known(name == _KNOWN[1], path if fits else None)
    return None


def _reference(place: str, text: str) -> Path | None:
    try:
        return parse_reference(text)
    except ExpressionError as error:
        raise _wrong(place, f"is no reference: {error}") from error


def _facts(rule: dict[str, Any], target: dict[str, Any]) -> tuple[Fact, ...]:
    """Return the facts of a target; older documents have friendly_name as the filter's name."""
    facts = {
        "workflow_filter_name": rule.get("filter_friendly_name") or rule.get("friendly_name"),
        "workflow_filter_expression": rule.get("expression"),
        "workflow_filter_target_expression": target.get("expression"),
    }
    return tuple((name, text) for name, text in facts.items() if text and isinstance(text, str))


def _expression(place: str, text: str) -> Expression:
    try:
        return parse(text)
    except ExpressionError as error:
        raise _wrong(place, f"is no expression: {error}") from error
