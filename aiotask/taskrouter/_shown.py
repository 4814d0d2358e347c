"""Comparison of the fields that were sent with those that a resource shows."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from aiotask._encoding import field_types, utc_text, wire_name
from aiotask._json import loads

Texts = Mapping[str, list[str]]
"""The texts of a resource's fields; one may be shown in several forms."""

_in_order = msgspec.json.Encoder(order="sorted").encode


def _same(document: Any) -> Any:
    return document


def wanted(
    shape: type, form: str, meaning: Callable[[Any], Any] = _same
) -> dict[str, tuple[str, str]]:
    """Return the fields of a form by their names in *shape*: the text that was sent, and its form.

    That is the text as a resource shows it. *meaning* brings a JSON document into its plainest
    form.
    """
    kinds = field_types(shape)
    names = {wire_name(name): name for name in kinds}
    fields: dict[str, tuple[str, str]] = {}
    for wire, text in parse_qsl(form, keep_blank_values=True):
        name = names[wire]
        plain = _text(loads(text), meaning) if kinds[name] is Mapping else text
        fields[name] = text, plain
    return fields


def shown(
    shape: type,
    resource: object,
    shown_as: Mapping[str, tuple[str, ...]],
    meaning: Callable[[Any], Any] = _same,
) -> dict[str, list[str]]:
    """Return the fields of *shape* that a resource shows."""
    fields: dict[str, list[str]] = {}
    for name in field_types(shape):
        places = [each for each in shown_as.get(name, (name,)) if hasattr(resource, each)]
        if places:
            fields[name] = [_text(getattr(resource, each), meaning) for each in places]
    return fields


def differing(fields: Mapping[str, tuple[str, str]], texts: Texts) -> set[str]:
    """Return the fields that a resource shows otherwise; those it does not show are none."""
    return {name for name, (_, plain) in fields.items() if plain not in texts.get(name, [plain])}


def _text(value: Any, meaning: Callable[[Any], Any]) -> str:
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
    return _in_order(meaning(value)).decode()
