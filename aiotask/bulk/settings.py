"""How a bulk creation goes about it: what its caller can choose."""

import os
from collections.abc import Callable
from math import inf
from typing import Any

import attrs

from aiotask.bulk.fingerprint import fingerprint
from aiotask.bulk.keys import Keys


def _above_zero(_: object, attribute: "attrs.Attribute[float]", value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
        raise ValueError(f"{attribute.name}: must be a number above 0, not {value!r}")


def _at_least_one(_: object, attribute: "attrs.Attribute[int]", value: Any) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{attribute.name}: must be at least 1, not {value!r}")


@attrs.frozen(kw_only=True)
class Settings:
    """A bulk creation's settings; a ValueError says which of them cannot be.

    *settle* and *patience* are in seconds, *max_rate* in creates a second. Where nothing goes
    forward for as long as *patience*, a run ends with the error of the day. *print_of* gives 32
    bits that tell a row from another one, *place_of* where its owner finds it.
    """

    keys: Keys
    journal: str | os.PathLike[str] | None = None
    settle: float = attrs.field(default=60.0, validator=_above_zero)
    max_in_flight: int = attrs.field(default=50, validator=_at_least_one)
    max_rate: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(_above_zero)
    )
    patience: float = attrs.field(default=3600.0, validator=_above_zero)
    print_of: Callable[[Any], int | None] = fingerprint
    place_of: Callable[[Any], int | None] = lambda _: None
