"""Decoding of answers: the straight way accepts just what cattrs does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask import taskrouter, to_dict
from aiotask._decoding import JsonText, Links, _explained, _straight, decode, from_header
from aiotask.autopilot import AutopilotTask
from aiotask.taskrouter import Task, Workflow

PUBLIC: list[Any] = [AutopilotTask, *(getattr(taskrouter, name) for name in dir(taskrouter))]
PARTS = ["WorkflowConfiguration", "RoutingFilter", "FilterTarget", "DefaultFilter"]
RESOURCES = [
    kind
    for kind in PUBLIC
    if isinstance(kind, type) and attrs.has(kind) and kind.__name__ not in PARTS
]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Part:
    average: int


@attrs.frozen(kw_only=True, weakref_slot=False)
class Sample:
    sid: str
    count: int | None = None
    open: bool | None = None
    since: datetime | None = None
    attributes: JsonText = None
    links: Links | None = None
    part: Part | None = None
    parts: list[Part] | None = None
    made: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    etag: str | None = from_header()


WHOLE: dict[str, Any] = {
    "sid": "WT1",
    "count": 5,
    "open": True,
    "since": "2026-11-21T12:00:00Z",
    "attributes": '{"a": [1]}',
    "links": {"self": "https://example.com"},
    "part": {"average": 3, "unknown": 1},
    "parts": [{"average": 4}],
    "made": "2026-11-20T12:00:00Z",
    "unknown": {},
}


def test_a_row_as_documented_becomes_a_resource() -> None:
    made = decode(WHOLE, Sample, '"3"')
    assert made == Sample(
        sid="WT1",
        count=5,
        open=True,
        since=datetime(2026, 11, 21, 12, tzinfo=UTC),
        attributes={"a": [1]},
        links={"self": "https://example.com"},
        part=Part(average=3),
        parts=[Part(average=4)],
        made=datetime(2026, 11, 20, 12, tzinfo=UTC),
        etag='"3"',
    )
    assert made == _explained(WHOLE, Sample, '"3"')


def test_what_the_service_leaves_out_or_makes_null_has_its_default() -> None:
    assert decode({"sid": "WT1"}, Sample) == Sample(sid="WT1")
    nulls = dict.fromkeys(WHOLE, None) | {"sid": "WT1", "made": "2026-01-01T00:00:00Z"}
    assert decode(nulls, Sample) == Sample(sid="WT1")


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_straight_way_is_there_for_every_resource(resource: Any) -> None:
    row = {"sid": "XX1"} if "sid" in attrs.fields_dict(resource) else {}
    made = _straight(resource)(row, None)
    assert type(made) is resource
    assert made == resource(**row)
    assert hash(made) == hash(resource(**row))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.url = "x"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T12:00:00Z", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21T12:00:00.250Z", datetime(2026, 11, 21, 12, 0, 0, 250_000, UTC)),
        ("2026-11-21T14:00:00+02:00", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("Sat, 21 Nov 2026 12:00:00 +0000", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("Sat, 21 Nov 2026 12:00:00 -0000", datetime(2026, 11, 21, 12, tzinfo=UTC)),
    ],
)
def test_dates_are_aware_in_whatever_form_they_come(text: str, moment: datetime) -> None:
    made = decode({"sid": "WT1", "since": text}, Sample)
    assert made.since == moment
    assert made.since.utcoffset() is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("[1]", [1]),
        ("null", None),
        ("", ""),
        ("a: b", "a: b"),
        ('{"a": NaN}', '{"a": NaN}'),
    ],
)
def test_json_as_text_is_decoded_and_what_is_not_json_stays_text(text: str, value: Any) -> None:
    assert decode({"sid": "WT1", "attributes": text}, Sample).attributes == value


def test_two_resources_never_share_what_can_be_changed() -> None:
    first = decode({"sid": "WT1", "attributes": "{}"}, Sample)
    second = decode({"sid": "WT1", "attributes": "{}"}, Sample)
    assert first.attributes is not second.attributes


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"sid": None}, "$.sid"),
        ({"sid": 5}, "$.sid"),
        ({"count": "5"}, "$.count"),
        ({"count": True}, "$.count"),
        ({"count": 5.0}, "$.count"),
        ({"open": 1}, "$.open"),
        ({"since": 5}, "$.since"),
        ({"since": "soon"}, "$.since"),
        ({"attributes": {"a": 1}}, "$.attributes"),
        ({"links": "x"}, "$.links"),
        ({"part": {"average": "3"}}, "$.part"),
        ({"parts": [{"average": 3}, {}]}, "$.parts[1].average"),
        ({"made": None}, "$.made"),
    ],
)
def test_a_field_of_another_type_is_named(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(ValueError, match=r"\$") as caught:
        decode(WHOLE | wrong, Sample)
    assert where in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "text", 5, True])
def test_what_is_no_object_is_no_resource(document: Any) -> None:
    with pytest.raises(ValueError, match=f"not an object but {type(document).__name__}"):
        decode(document, Sample)


@attrs.frozen(kw_only=True, weakref_slot=False)
class Whole:
    part: Part


def test_a_part_may_be_required() -> None:
    assert decode({"part": {"average": 3}}, Whole) == Whole(part=Part(average=3))
    with pytest.raises(ValueError, match=r"required field missing @ \$\.part"):
        decode({}, Whole)


def test_a_missing_sid_is_named() -> None:
    with pytest.raises(ValueError, match=r"required field missing @ \$\.sid"):
        decode({}, Task)


ANY: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just({}), st.just([])
)


@given(st.dictionaries(st.sampled_from(list(attrs.fields_dict(Task))), ANY, max_size=8))
def test_the_straight_way_agrees_with_cattrs_on_any_row(row: dict[str, Any]) -> None:
    try:
        expected: Any = _explained(row, Task, None)
    except ValueError:
        expected = None
    try:
        assert decode(row, Task) == expected
    except ValueError:
        assert expected is None


def test_plain_data_has_the_services_form() -> None:
    zone = datetime(2026, 11, 21, 14, 0, 0, 5, tzinfo=UTC) + timedelta(hours=1)
    plain = to_dict(Workflow(sid="WW1", configuration={"a": 1}, date_created=zone))
    assert plain["configuration"] == '{"a":1}'
    assert plain["date_created"] == "2026-11-21T15:00:00Z"
    assert to_dict(Workflow(sid="WW1", configuration="a: b"))["configuration"] == "a: b"
    assert set(plain) == set(attrs.fields_dict(Workflow))
    assert to_dict(Task(sid="WT1", etag="3")) == {
        field.name: "WT1" if field.name == "sid" else None
        for field in attrs.fields(Task)
        if field.name != "etag"
    }
