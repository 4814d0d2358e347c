"""Comparison of the fields that were sent with those that a resource shows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from aiotask._encoding import field_types, utc_text, wire_name
from aiotask._json import loads

_in_order = msgspec.json.Encoder(order="sorted").encode


def differing(
    shape: type, resource: object, form: str, shown_as: Mapping[str, tuple[str, ...]]
) -> set[str]:
    """Return the fields of a form that a resource shows otherwise, by their names in *shape*.

    Fields that it does not show at all are none of them.
    """
    kinds = field_types(shape)
    names = {wire_name(name): name for name in kinds}
    different: set[str] = set()
    for wire, text in parse_qsl(form, keep_blank_values=True):
        name = names[wire]
        shown = [each for each in shown_as.get(name, (name,)) if hasattr(resource, each)]
        wanted = canonical(loads(text)) if kinds[name] is Mapping else text
        if shown and all(canonical(getattr(resource, each)) != wanted for each in shown):
            different.add(name)
    return different


def canonical(value: Any) -> str:
    """Return a value as it is written, JSON with its names in order."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime():
            return utc_text(value)
    return _in_order(value).decode()
