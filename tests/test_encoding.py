"""Python values -> fields on the wire."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal, Required, TypedDict
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask._checks import Between, Identifier, JsonLimit, Length, Past, Sid, header_value
from aiotask._encoding import encode, field_types, urlencoded, wire_name


class Level(IntEnum):
    HIGH = 7


class Kind(StrEnum):
    OPEN = "open"


class Weight(float):
    pass


class Int64:
    """As a number of a library that has no ABC of numbers: one to its users, and no int."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        return self._value

    __int__ = __index__


Int64.__module__, Int64.__name__ = "numpy", "int64"


class Timestamp(datetime):
    """As pandas': a datetime of another kind."""


Timestamp.__module__ = "pandas._libs"


class Nested(Enum):
    PART = {"b": b"c"}  # noqa: RUF012 - an enumeration's member


def nested(levels: int) -> dict[str, Any]:
    """Return an object within an object, and so on."""
    return {"a": nested(levels - 1)} if levels > 1 else {}


class Fields(TypedDict, total=False):
    name: Annotated[str, Length(1, 5)]
    task_queue_sid: Annotated[str, Sid("WQ")]
    priority: Annotated[int, Between(0, 9)]
    available: bool
    since: Annotated[datetime, Past()]
    document: Annotated[Mapping[str, Any], JsonLimit(40)]
    status: Sequence[Literal["open", "closed"]]


class Demanding(TypedDict, total=False):
    friendly_name: Required[str]
    task_order: str


class Colour(Enum):
    RED = "red"


BIG = '{"a":-1208925819614629174706176}'
NOON = datetime(2026, 11, 21, 12, 0, 0, 900_000, timezone(timedelta(hours=5, minutes=30)))


@pytest.mark.parametrize(
    ("fields", "pairs"),
    [
        ({"name": "Ana"}, [("Name", "Ana")]),
        ({"name": "Zoë"}, [("Name", "Zoë")]),
        ({"task_queue_sid": "WQ" + "a" * 32}, [("TaskQueueSid", "WQ" + "a" * 32)]),
        ({"priority": 9}, [("Priority", "9")]),
        ({"priority": Level.HIGH}, [("Priority", "7")]),
        ({"available": True}, [("Available", "true")]),
        ({"available": False}, [("Available", "false")]),
        ({"since": datetime(2026, 1, 2, tzinfo=UTC)}, [("Since", "2026-01-02T00:00:00Z")]),
        ({"status": ["open", "closed"]}, [("Status", "open"), ("Status", "closed")]),
        ({"status": "open"}, [("Status", "open")]),
        ({"document": {"a": 1, "b": [None, 1.5]}}, [("Document", '{"a":1,"b":[null,1.5]}')]),
        ({"document": OrderedDict(a=(1, 2))}, [("Document", '{"a":[1,2]}')]),
        ({"document": {"a": [Level.HIGH, Kind.OPEN]}}, [("Document", '{"a":[7,"open"]}')]),
        ({"document": {"a": Colour.RED}}, [("Document", '{"a":"red"}')]),
        ({"document": {"a": -(2**80)}}, [("Document", BIG)]),
        ({"document": {"a": 1e16, "b": -1.5e-9}}, [("Document", '{"a":1e16,"b":-1.5e-9}')]),
        ({"document": MappingProxyType({"a": MappingProxyType({})})}, [("Document", '{"a":{}}')]),
        ({}, []),
    ],
)
def test_a_value_is_written_as_the_service_reads_it(
    fields: dict[str, Any], pairs: list[tuple[str, str]]
) -> None:
    assert encode(Fields, fields) == pairs


def test_a_date_is_sent_in_utc_whatever_its_zone() -> None:
    sent = encode(Fields, {"since": NOON.replace(year=2025)})
    assert sent == [("Since", "2025-11-21T06:30:00Z")]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": ""}, "name: must have 1 to 5 characters, not 0"),
        ({"name": "abcdef"}, "name: must have 1 to 5 characters, not 6"),
        ({"name": 5}, "name: must be a str, not int"),
        ({"name": None}, r"name: must be a str, not None \(leave the field out instead\)"),
        ({"name": "\ud800"}, "name: .*surrogates not allowed"),
        ({"task_queue_sid": "WK" + "a" * 32}, "task_queue_sid: must be a sid: WQ and 32 hex"),
        ({"priority": -1}, "priority: must be 0 to 9, not -1"),
        ({"priority": "5"}, "priority: must be an int, not str"),
        ({"priority": True}, "priority: must be an int, not bool"),
        ({"priority": 5.0}, "priority: must be an int, not float"),
        ({"available": 1}, "available: must be a bool, not int"),
        ({"since": datetime(2026, 1, 1)}, "since: must be an aware datetime"),  # noqa: DTZ001
        ({"since": date(2026, 1, 1)}, "since: must be a datetime, not date"),
        ({"since": datetime(1899, 12, 31, tzinfo=UTC)}, "since: must not be before the year 1900"),
        ({"since": datetime.now(UTC) + timedelta(days=1)}, "since: must not be in the future"),
        ({"document": '{"a": 1}'}, "document: must be a mapping, which is sent as JSON, not str"),
        ({"document": [1]}, "document: must be a mapping"),
        ({"document": {"a": "x" * 40}}, "document: must have at most 40 characters as JSON"),
        (
            {"document": {"a": [float("nan")]}},
            r"document\.a\[0\]: must be a finite number, not nan",
        ),
        (
            {"document": {"a": {"b": (1, float("-inf"))}}},
            r"document\.a\.b\[1\]: must be a finite number, not -inf",
        ),
        ({"document": {"a": {1, 2}}}, r"document\.a: must be a JSON value, not set"),
        (
            {"document": {"a": Weight("nan")}},
            r"document\.a: must be a finite number, not nan",
        ),
        (
            {"document": {"a": {"b": [Int64(5)]}}},
            r"document\.a\.b\[0\]: must be a JSON value, not numpy\.int64",
        ),
        ({"document": {"a": NOON}}, r"document\.a: must be a JSON value, not datetime\.datetime"),
        (
            {"document": {"a": Timestamp(2026, 11, 21)}},
            r"document\.a: must be a JSON value, not pandas\._libs\.Timestamp",
        ),
        ({"document": {"a": 10**5000}}, r"document\.a: must be a number of fewer digits"),
        ({"document": {"a": {"b": b"c"}}}, r"document\.a\.b: must be a JSON value, not bytes"),
        (
            {"document": {"a": [Decimal(1)]}},
            r"document\.a\[0\]: must be a JSON value, not decimal\.Decimal",
        ),
        (
            {"document": {"a b": {"é": Decimal("nan")}}},
            r"document\['a b'\]\.é: must be a JSON value, not decimal\.Decimal",
        ),
        ({"document": {"a": Nested.PART}}, r"document\.a\.b: must be a JSON value, not bytes"),
        ({"document": {1: 2}}, "document: must have text for names, not int"),
        ({"document": {"a": {None: 1}}}, r"document\.a: must have text for names, not NoneType"),
        (
            {"document": {Kind.OPEN: 1}},
            r"document: must have text for names, not tests\.test_encoding\.Kind",
        ),
        ({"document": nested(255)}, "document: must not be nested more than 254 levels deep"),
        ({"document": {"a": "\udfff"}}, r"document\.a: must not contain lone surrogates"),
        ({"document": {"\udfff": 1}}, "document: must not contain lone surrogates"),
        ({"status": []}, "status: must not be empty"),
        ({"status": 3}, "status: must be a sequence, not int"),
        ({"status": ["open", 3]}, "status: must be a str, not int"),
    ],
)
def test_a_value_that_cannot_be_right_is_a_value_error_that_names_the_field(
    fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        encode(Fields, fields)


def test_a_document_without_an_end_is_a_value_error() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(ValueError, match="document: must not be nested more than 254"):
        encode(Fields, {"document": endless})


def test_a_null_in_a_document_is_not_taken_for_nan() -> None:
    assert encode(Fields, {"document": {"a": None, "b": 1.5}})


def test_a_misspelt_name_is_a_type_error_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"Fields has no field 'priorty'; did you mean 'priority'"):
        encode(Fields, {"priorty": 5})
    with pytest.raises(TypeError, match=r"Fields has no field 'zzz'$"):
        encode(Fields, {"zzz": 5})


def test_a_required_field_that_is_missing_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="Demanding lacks friendly_name"):
        encode(Demanding, {"task_order": "FIFO"})


def test_only_typed_dicts_describe_fields() -> None:
    with pytest.raises(TypeError, match="int is not a TypedDict"):
        encode(int, {})


def test_the_types_of_fields_can_be_asked_for() -> None:
    assert field_types(Fields) == {
        "name": str,
        "task_queue_sid": str,
        "priority": int,
        "available": bool,
        "since": datetime,
        "document": Mapping,
        "status": str,
    }


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("attributes", "Attributes"),
        ("task_queue_sid", "TaskQueueSid"),
        ("re_evaluate_tasks", "ReEvaluateTasks"),
        ("fallback_assignment_callback_url", "FallbackAssignmentCallbackUrl"),
    ],
)
def test_names_on_the_wire_are_computed(name: str, wire: str) -> None:
    assert wire_name(name) == wire


PRINTABLE = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(st.sampled_from(["Attributes", "Name"]), PRINTABLE)))
def test_every_text_comes_back_from_a_form_as_it_went_in(pairs: list[tuple[str, str]]) -> None:
    form = urlencoded(pairs)
    assert form.isascii()
    assert parse_qsl(form, keep_blank_values=True, strict_parsing=bool(pairs)) == pairs


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**63).map(lambda number: -(number**3))
    | st.floats(allow_nan=False, allow_infinity=False)
    | PRINTABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PRINTABLE, inner, max_size=3),
    max_leaves=10,
)


class Open(TypedDict, total=False):
    document: Mapping[str, Any]


@given(st.dictionaries(PRINTABLE, JSON, max_size=4))
def test_a_document_arrives_as_it_was(document: dict[str, Any]) -> None:
    ((_, text),) = encode(Open, {"document": document})
    assert json.loads(text) == document


@pytest.mark.parametrize(
    "sid",
    [
        "", "WT", "WT1", "WT" + "g" * 32, "WT" + "a" * 31, "WT" + "a" * 33, "WK" + "a" * 32,
        "WT" + "a" * 32 + "\n", "../../Workers/WK1", "WT1?x=1#", "%2e%2e/Workers", "a/b",
        "x" * 10_000, None, 5, b"WT" + b"a" * 32, "WT" + "٣" * 32,
    ],
)  # fmt: skip
def test_what_is_not_a_sid_does_not_become_part_of_a_path(sid: Any) -> None:
    with pytest.raises(ValueError, match="must be a sid: WT and 32 hexadecimal digits") as caught:
        Sid("WT")(sid)
    assert len(str(caught.value)) < 200


def test_a_sid_may_be_one_of_several_kinds() -> None:
    kind = Sid("WK", "WQ")
    assert kind("WQ" + "0" * 32) == "WQ" + "0" * 32
    with pytest.raises(ValueError, match="WK or WQ and 32"):
        kind("WT" + "0" * 32)


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("greet", "greet"),
        ("a/b?c#d%", "a%2Fb%3Fc%23d%25"),
        ("Zoë 1", "Zo%C3%AB%201"),
        ("..a", "..a"),
    ],
)
def test_a_unique_name_stays_one_segment_of_its_path(name: str, segment: str) -> None:
    assert Identifier("TC")(name) == segment


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a\nb", "\x00", "x" * 65, None, 5, "WT" + "a" * 32]
)
def test_what_cannot_be_a_unique_name_is_a_value_error(name: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        Identifier("TC")(name)


def test_a_sid_of_its_own_kind_is_an_identifier_and_one_of_another_is_not() -> None:
    assert Identifier("TC")("TC" + "a" * 32) == "TC" + "a" * 32
    with pytest.raises(ValueError, match=f"must be a TC sid or a unique name, not WT{'a' * 32}"):
        Identifier("TC")("WT" + "a" * 32)


@pytest.mark.parametrize("value", ["", "a\r\nX: 1", "a\n", "\x00", "é", 5, None])
def test_a_header_cannot_end_its_line(value: Any) -> None:
    with pytest.raises(ValueError, match="if_match: must be visible ASCII"):
        header_value("if_match", value)
    assert header_value("if_match", '"3"') == '"3"'
