"""Fingerprints of rows: those that version 0.1 wrote into journals, for every row that it could."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID
from zlib import crc32
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.bulk.fingerprint import fingerprint


class Level(IntEnum):
    HIGH = 7


class Kind(Enum):
    TEXT = "a"
    NUMBER = 1.5
    PAIR = (1, 2)
    NOTHING = None


class Name(StrEnum):
    X = "x"


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Items(list[Any]):
    pass


@dataclass
class Point:
    b: int = 2
    a: str = "x"
    _hidden: int = 5


@dataclass(slots=True)
class Slotted:
    b: int = 2
    a: str = "x"
    _hidden: int = field(default=5)


class Broken(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise RuntimeError

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1


def at(zone: Any, year: int = 2020) -> dict[str, Any]:
    return {"virtual_start_time": datetime(year, 1, 2, 3, 4, 5, tzinfo=zone)}


def off(**offset: float) -> timezone:
    return timezone(timedelta(**offset))


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


FLOATS = [1e16, 1e15, 123456789012345680.0, 1e22, 1e-5, 1e-7, 1 / 3, 5e-324, 1.7976931348623157e308]
# Recorded with version 0.1 and orjson 3.13.
KNOWN: list[tuple[Any, int]] = [
    (
        {
            "attributes": {"n": 1, "language": "de", "x": None, "y": [True, 1.5, -0.0]},
            "priority": 5,
            "workflow_sid": "WW" + "1" * 32,
        },
        3456489942,
    ),
    ({"b": 1, "a": {"d": 1, "c": {"z": 1, "y": 2}}}, 3150196183),
    (
        {"ü": '\u2028\x7f\x00\x1f\t\n\r\b\f"\\/😀', "é": 1, "\U0001d4b3": 2, "\uff5e": 3},
        3616470976,
    ),
    ({"attributes": {"i": [0, -1, 2**63 - 1, -(2**63), 2**64 - 1]}}, 670336447),
    ({"virtual_start_time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}, 297082900),
    ({"virtual_start_time": datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)}, 3872143192),
    (at(ZoneInfo("Asia/Kolkata"), 2026), 1405951561),
    (at(ZoneInfo("Europe/Berlin"), 1890), 1800083892),
    (at(off(hours=-1, seconds=-45)), 2910437969),
    (at(off(hours=-1, seconds=-15)), 2897979494),
    (at(off(seconds=-15)), 1743223747),
    (at(off(hours=1, seconds=30)), 1796656086),
    (at(off(hours=1, minutes=59, seconds=30)), 1337982525),
    (at(off(hours=1, seconds=29, microseconds=999999)), 1792319969),
    (at(None, 2026), 3639813351),
    (at(UTC, 999), 2221585296),
    ({"a": date(2026, 1, 2)}, 929177234),
    ({"a": time(1, 2, 3)}, 3148838506),
    ({"a": time(1, 2, 3, 40)}, 3697613891),
    ({"a": [Level.HIGH, *Kind, Name.X]}, 2921525418),
    ({"a": Text("x"), "b": Number(5), "c": Items([1])}, 1768699161),
    (OrderedDict(b=1, a=2), 1793301155),
    (MappingProxyType({"b": MappingProxyType({"d": 1, "c": 2}), "a": (1, (2,))}), 3950841317),
    ({"a": UUID(int=5)}, 450792817),
    ({"a": Point()}, 532719871),
    ({"a": Slotted()}, 532719871),
    ({"a": [float("nan"), float("inf")]}, 449974275),
    ("x", 4128176518),
    (None, 634125391),
    ([1], 1278161592),
    (nested(253), 310539339),
    (nested(254), 2337806015),
]


@pytest.mark.parametrize(("row", "known"), KNOWN)
def test_a_row_has_the_fingerprint_that_older_journals_have(row: Any, known: int) -> None:
    assert fingerprint(row) == known


@pytest.mark.parametrize(
    "row",
    [
        {1: 2},
        {Name.X: 2},
        {"a": {1}},
        {"a": b"x"},
        {"a": time(1, tzinfo=UTC)},
        {"a": "\ud800"},
        {"a": Broken()},
        {"a": object()},
        nested(255),
        Broken(),
    ],
)
def test_what_json_cannot_hold_has_none(row: Any) -> None:
    assert fingerprint(row) is None


def test_integers_of_any_size_tell_rows() -> None:
    assert fingerprint({"a": 2**64}) == crc32(b'{"a":18446744073709551616}')
    assert fingerprint({"a": 2**64}) != fingerprint({"a": 2**64 + 1})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.sampled_from(FLOATS)
    | TEXTS
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.uuids(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(TEXTS, inner),
)


@given(st.dictionaries(TEXTS, PLAIN))
def test_any_row_is_taken_for_the_bytes_that_orjson_makes_of_it(row: Any) -> None:
    assert fingerprint(row) == crc32(orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
