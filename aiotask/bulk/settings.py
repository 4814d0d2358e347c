"""Settings of a bulk run."""

import os
from abc import abstractmethod
from collections.abc import Callable
from math import inf
from typing import Any, Protocol

import attrs

from aiotask.bulk.fingerprint import fingerprint
from aiotask.bulk.journal.postgres_schema import masked
from aiotask.bulk.keys import Keys


class Named(Protocol):
    """An operation, by its names."""

    @property
    @abstractmethod
    def verb(self) -> str:
        """Its verb."""

    @property
    @abstractmethod
    def path(self) -> str:
        """The path of its collection."""


def _above_zero(_: object, attribute: "attrs.Attribute[float]", value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
        raise ValueError(f"{attribute.name}: must be a number above 0, not {value!r}")


def _at_least_one(_: object, attribute: "attrs.Attribute[int]", value: Any) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{attribute.name}: must be at least 1, not {value!r}")


def shown(settings: "Settings", operation: Named) -> dict[str, str]:
    """Return the settings of a run as a reader may see them."""
    keys, most = settings.keys, settings.max_rate
    told: dict[str, object] = {
        "verb": operation.verb,
        "path": operation.path,
        "journal": None if settings.journal is None else masked(os.fspath(settings.journal)),
        "job": settings.job,
        "key attribute": keys.attribute,
        "keys": f"of the {keys.scope}" + ("" if keys.row_key is None else ", by a row_key"),
        "settle": f"{settings.settle:g} s",
        "max_in_flight": settings.max_in_flight,
        "max_rate": None if most is None else f"{most:g} a second",
        "stall_timeout": f"{settings.stall_timeout:g} s",
        "look_first": "yes" if settings.look_first else None,
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def _same(row: Any) -> Any:
    return row


def _no_line(_: Any) -> None:
    return None


@attrs.frozen(kw_only=True)
class Settings:
    """The settings of a bulk run; a ValueError names the one that is out of bounds.

    *settle* and *stall_timeout* are in seconds, *max_rate* in rows a second. Where no row makes
    progress for *stall_timeout*, the run ends with the last error. With *look_first*, the journal
    is not believed: no row is sent before it was looked for. With *screened*, the caller has looked
    for the keys already, which are those of a workspace. *job* names the job in a journal of many.
    *fields_of* gives the fields of a row, *fingerprint_of* 32 bits that tell it from other rows,
    *source_line_of* its line in the input.
    """

    keys: Keys
    journal: str | os.PathLike[str] | None = None
    job: str | None = None
    settle: float = attrs.field(default=60.0, validator=_above_zero)
    max_in_flight: int = attrs.field(default=50, validator=_at_least_one)
    max_rate: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(_above_zero)
    )
    stall_timeout: float = attrs.field(default=3600.0, validator=_above_zero)
    look_first: bool = False
    screened: bool = False
    fields_of: Callable[[Any], Any] = _same
    fingerprint_of: Callable[[Any], int | None] = fingerprint
    source_line_of: Callable[[Any], int | None] = _no_line
