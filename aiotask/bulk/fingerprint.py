"""Fingerprints of rows, by which a journal knows its input again.

Journals outlive versions: a row's fingerprint is that of the bytes which version 0.1 made of it
with orjson 3.13, names in their order.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from math import isfinite
from typing import Any
from zlib import crc32

import msgspec

from aiotask._json import dumps, is_plain, plain

_HALF_A_MINUTE = 30

_sorted_dumps = msgspec.json.Encoder(order="sorted").encode


def fingerprint(row: object) -> int | None:
    """Return 32 bits that tell a row from another one, or None for what JSON cannot hold."""
    try:
        return crc32(_canonical(row))
    except Exception:  # noqa: BLE001 - a mapping of the caller's own may raise any
        return None


def _canonical(value: Any) -> bytes:
    return _sorted_dumps(value if is_plain(value) else plain(value, _as_orjson))


def _as_orjson(value: Any) -> Any:
    """Return what msgspec writes as orjson wrote *value*; a TypeError if that wrote none."""
    if is_dataclass(value):
        return _dataclass(value)
    written: Any
    match value:
        case float() if type(value) is float:
            written = msgspec.Raw(repr(value).encode()) if isfinite(value) else None
        case datetime() if type(value) is datetime:
            written = f"{value.replace(tzinfo=None).isoformat()}{_offset(value.utcoffset())}"
        case date() | time() if (
            type(value) in (date, time) and getattr(value, "tzinfo", None) is None
        ):
            written = value.isoformat()
        case _:
            raise TypeError
    return written


def _offset(offset: timedelta | None) -> str:
    if offset is None:
        return ""
    minutes, seconds = divmod(int(abs(offset).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if offset < timedelta() else "+"
    return f"{sign}{hours:02}:{minutes + (seconds >= _HALF_A_MINUTE):02}"


def _dataclass(value: Any) -> msgspec.Raw:
    """Return its public fields, which were not put in order."""
    members: Mapping[str, Any] = (
        {field.name: getattr(value, field.name) for field in fields(value)}
        if "__slots__" in vars(type(value)) or not hasattr(value, "__dict__")
        else vars(value)
    )
    public = (
        b"%b:%b" % (dumps(name), _canonical(each))
        for name, each in members.items()
        if not name.startswith("_")
    )
    return msgspec.Raw(b"{%b}" % b",".join(public))
