"""Values of expressions: identity, comparison and operators."""

from collections.abc import Callable, Hashable
from typing import Any

Operator = Callable[[Any, Any], bool]

NULL = "null", None
COMPOUND = object()
"""The identity of all arrays and objects, which are never compared as a whole."""

_TRUTHS = {False: ("truth", False), True: ("truth", True)}


def identity(value: Any) -> Hashable:
    """Return a key that is equal for scalars that the service treats as equal."""
    # Python's 1 == True would mix numbers and truth values, which the service does not.
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _TRUTHS[value]
    if isinstance(value, int | float):
        return value
    return NULL if value is None else COMPOUND


def _kind(value: Any) -> type | None:
    """Return the type of a scalar, None for an array or object."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    if isinstance(value, str):
        return str
    return type(None) if value is None else None


def _equal(left: Any, right: Any) -> bool:
    key = identity(left)
    return key is not COMPOUND and key == identity(right)


def _unequal(left: Any, right: Any) -> bool:
    # Twilio's samples compare an array with null ("agents != null"); other types do not mix.
    if left is None or right is None:
        return left is not right
    kind = _kind(left)
    return kind is not None and kind is _kind(right) and left != right


def _ordered(compare: Operator) -> Operator:
    def compared(left: Any, right: Any) -> bool:
        kind = _kind(left)
        return kind in (float, str) and kind is _kind(right) and compare(left, right)

    return compared


def _contains(left: Any, right: Any) -> bool:
    return isinstance(left, str) and isinstance(right, str) and right in left


def _in(left: Any, right: Any) -> bool:
    if not isinstance(right, list):
        return False
    key = identity(left)
    return key is not COMPOUND and any(key == identity(item) for item in right)


def _not_in(left: Any, right: Any) -> bool:
    if not isinstance(right, list):
        return False
    key = identity(left)
    return key is not COMPOUND and all(key != identity(item) for item in right)


OPERATORS: dict[str, Operator] = {
    "=": _equal,  # undocumented, but used in one of Twilio's samples
    "==": _equal,
    "!=": _unequal,
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "CONTAINS": _contains,
    "IN": _in,
    "NOT IN": _not_in,
    "HAS": lambda left, right: _in(right, left),
    "NOT HAS": lambda left, right: _not_in(right, left),
}
