"""Changes of a plan, in words, and the differences that they are made of."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from aiotask._checks import printable
from aiotask._json import strict_dumps

Action = Literal["create", "update", "delete", "leave"]
Differences = dict[str, tuple[Any, Any]]

_LONGEST = 100


@attrs.frozen(kw_only=True)
class Change:
    """A change of one resource."""

    kind: str
    """Kind of resource, such as task_queue."""
    name: str
    """Name of the resource."""
    action: Action
    """What is done: create, update, delete, or leave for what is in no document and stays."""
    fields: Mapping[str, tuple[Any, Any]] = attrs.field(factory=dict)
    """What it was and what it becomes, by the place of each difference."""

    def __str__(self) -> str:
        fields = "; ".join(self.lines())
        return printable(f"{self.action} {self.kind} {self.name}{': ' if fields else ''}{fields}")

    def lines(self) -> Iterator[str]:
        """Yield a line for each field that differs."""
        for place, (old, new) in self.fields.items():
            if self.action == "create":
                yield f"{place}: {_shown(new)}"
            else:
                yield f"{place}: {_shown(old)} -> {_shown(new)}"


class Plan(list[Change]):
    """Changes in the order in which they work.

    ``left`` is what the document does not have and what stays as it is. ``warnings`` are sentences
    about what will never work.
    """

    def __init__(self, changes: list[Change], left: list[Change], warnings: list[str]) -> None:
        super().__init__(changes)
        self.left = left
        self.warnings = warnings


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) and value else strict_dumps(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def differences(place: str, old: Any, new: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield the places in which two values differ, with what is there."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            yield from differences(f"{place}.{name}", old.get(name), new.get(name))
    elif _has_parts(old) and _has_parts(new):
        yield from _of_lists(place, old, new)
    elif not same(old, new):
        yield place, (old, new)


def same(old: Any, new: Any) -> bool:
    """Whether two values are the same as JSON, where true is not 1."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(same(old[name], new[name]) for name in old)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(same, old, new))
    return bool(old == new) and (isinstance(old, bool) is isinstance(new, bool))


def _has_parts(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value)


def _of_lists(place: str, old: Any, new: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    before, after = _labelled(old), _labelled(new)
    if before is None or after is None:
        before, after = ({str(n): each for n, each in enumerate(part)} for part in (old, new))
    for label in {**before, **after}:
        yield from differences(f"{place}[{label}]", before.get(label), after.get(label))
    orders = [
        [label for label in one if label in other]
        for one, other in ((before, after), (after, before))
    ]
    if orders[0] != orders[1]:
        yield f"{place} (order)", (orders[0], orders[1])


def _labelled(rules: Any) -> dict[str, Any] | None:
    """Return filters by their names, None if one has no name of its own."""
    labelled: dict[str, Any] = {}
    for rule in rules:
        if not isinstance(rule, Mapping):
            return None
        name = rule.get("filter_friendly_name") or rule.get("friendly_name")
        if not isinstance(name, str) or name in labelled:
            return None
        labelled[name] = rule
    return labelled
