"""Forms that a browser sends, read with clear errors."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar

from aiotask._checks import shortened
from aiotask._json import loads

T = TypeVar("T")

Form = Mapping[str, str]


def text(form: Form, name: str) -> str:
    """Return a field that must not be empty."""
    value = form.get(name, "").strip()
    if not value:
        raise ValueError(f"{name}: is missing")
    return value


def choice(form: Form, name: str, known: Mapping[str, T]) -> T:
    """Return what a field names, one of a few."""
    value = text(form, name)
    if value not in known:
        raise ValueError(f"{name}: must be one of {', '.join(known)}, not {shortened(value)}")
    return known[value]


def whole(form: Form, name: str) -> int:
    """Return a whole number, 0 if the field is empty."""
    value = form.get(name, "").strip() or "0"
    if not (value.isascii() and value.isdigit() and len(value) <= 10):  # noqa: PLR2004 - digits
        raise ValueError(f"{name}: must be a whole number, not {shortened(value)}")
    return int(value)


def number(form: Form, name: str, highest: float) -> float:
    """Return a number from 0 to *highest*."""
    value = text(form, name)
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not (isfinite(found) and 0 <= found <= highest):
        raise ValueError(f"{name}: must be a number from 0 to {highest:g}, not {shortened(value)}")
    return found


def json_object(form: Form, name: str) -> dict[str, Any]:
    """Return a JSON object, an empty one if the field is empty."""
    given = form.get(name, "").strip() or "{}"
    try:
        value = loads(given)
    except ValueError as error:
        raise ValueError(f"{name}: is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{name}: must be a JSON object, not {shortened(given)}")
    return value
