"""What the service answers -> resources: msgspec accepts just what cattrs does, and as it does."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import attrs
import pytest

from aiotask import taskrouter, to_dict
from aiotask._bodies import _complete_one, _decoder, _parts, decode, decode_page
from aiotask._decoding import (
    AwareDatetime,
    JsonText,
    Links,
    from_header,
    structure,
)
from aiotask._json import JsonSyntaxError, loads
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
    since: AwareDatetime | None = None
    attributes: JsonText = None
    links: Links | None = None
    part: Part | None = None
    parts: list[Part] | None = None
    made: AwareDatetime = datetime(2026, 1, 1, tzinfo=UTC)
    etag: str | None = from_header()


def written(document: Any) -> bytes:
    """Write a document as a server would, which knows nothing of ours."""
    return json.dumps(document).encode()


def nested(levels: int) -> list[Any]:
    """Return a list within a list, and so on."""
    return [nested(levels - 1)] if levels > 1 else []


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
    made = decode(written(WHOLE), Sample, '"3"')
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
    assert made == structure(WHOLE, Sample, '"3"')


def test_what_the_service_leaves_out_or_makes_null_has_its_default() -> None:
    assert decode(b'{"sid":"WT1"}', Sample) == Sample(sid="WT1")
    nulls = dict.fromkeys(WHOLE, None) | {"sid": "WT1", "made": "2026-01-01T00:00:00Z"}
    assert decode(written(nulls), Sample) == Sample(sid="WT1")


@pytest.mark.parametrize("resource", RESOURCES)
def test_msgspec_decodes_every_resource_by_itself(resource: Any) -> None:
    row = {"sid": "XX1"} if "sid" in attrs.fields_dict(resource) else {}
    made = _decoder(resource).decode(written(row))
    _complete_one(made, _parts(resource), None)
    assert type(made) is resource
    assert made == resource(**row)
    assert hash(made) == hash(resource(**row))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.url = "x"


@pytest.mark.parametrize("resource", RESOURCES)
def test_json_as_text_stands_at_the_top_of_a_resource_alone(resource: Any) -> None:
    kinds = [field.type for field in attrs.fields(resource)]
    for kind in kinds:  # which grows meanwhile
        kinds += get_args(kind)
        if attrs.has(kind):
            assert all(field.type != JsonText for field in attrs.fields(kind))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T12:00:00Z", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21T12:00:00.250Z", datetime(2026, 11, 21, 12, 0, 0, 250_000, UTC)),
        ("2026-11-21T14:00:00+02:00", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T12:00:00", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21T12:00Z", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21t12:00:00.1234567z", datetime(2026, 11, 21, 12, 0, 0, 123_457, UTC)),
        ("Sat, 21 Nov 2026 12:00:00 +0000", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("Sat, 21 Nov 2026 12:00:00 -0000", datetime(2026, 11, 21, 12, tzinfo=UTC)),
    ],
)
def test_dates_are_aware_in_whatever_form_they_come(text: str, moment: datetime) -> None:
    made = decode(written({"sid": "WT1", "since": text}), Sample)
    assert made.since == moment
    assert made == structure({"sid": "WT1", "since": text}, Sample)
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
        ("{", "{"),
        ("89014103211118510720", 89014103211118510720),
        ('{"a": [-89014103211118510721]}', {"a": [-89014103211118510721]}),
        ("[" * 254 + "]" * 254, nested(254)),
        ("[" * 255 + "]" * 255, "[" * 255 + "]" * 255),
        ('"' + "[" * 600 + '"', "[" * 600),
        ("[" + "[],{}," * 300 + "1]", [[], {}] * 300 + [1]),
    ],
)
def test_json_as_text_is_decoded_and_what_is_not_json_stays_text(text: str, value: Any) -> None:
    assert decode(written({"sid": "WT1", "attributes": text}), Sample).attributes == value


def test_two_resources_never_share_what_can_be_changed() -> None:
    first = decode(b'{"sid":"WT1","attributes":"{}"}', Sample)
    second = decode(b'{"sid":"WT1","attributes":"{}"}', Sample)
    assert first.attributes is not second.attributes


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"sid": None}, "sid: must be text"),
        ({"sid": 5}, "sid: must be text"),
        ({"count": "5"}, "count: must be a whole number"),
        ({"count": True}, "count: must be a whole number"),
        ({"count": 5.0}, "count: must be a whole number"),
        ({"open": 1}, "open: must be true or false"),
        ({"since": 5}, "since: must be a date as text"),
        ({"since": "soon"}, "since: must be a date as text"),
        ({"attributes": {"a": 1}}, "attributes: must be JSON as text"),
        ({"links": "x"}, "links: must be an object"),
        ({"part": {"average": "3"}}, "part.average: must be a whole number"),
        ({"part": []}, "part: must be an object"),
        ({"parts": 5}, "parts: must be a list"),
        ({"parts": [{"average": 3}, {}]}, "parts[1].average: is missing"),
        ({"made": None}, "made: must be a date as text"),
        ({"sid": 5, "open": 1}, "sid: must be text; open: must be true or false"),
    ],
)
def test_a_field_of_another_type_is_named_and_what_it_must_be(
    wrong: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        decode(written(WHOLE | wrong), Sample)
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$") as caught:
        structure(WHOLE | wrong, Sample)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


KINDS = ["text", "a number", "a whole number", "true or false", "an object", "a list"]
KINDS += ["JSON as text", "a date as text", "whole numbers as text"]
REASONS = {"is missing", *(f"must be {kind}" for kind in KINDS)}


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize(
    "wrong", [5, 1.5, True, "x", [1], ["x"], {"a": "x", "5": []}, [{"a": 1}], {"a": {"avg": "x"}}]
)
def test_no_message_about_an_answer_shows_a_type_of_python(resource: Any, wrong: Any) -> None:
    row = dict.fromkeys(attrs.fields_dict(resource), wrong)
    told = ""
    try:
        decode(written(row), resource)
    except ValueError as error:
        told = str(error)
    for each in told.split("; ") if told else ():
        place, _, reason = each.partition(": ")
        assert re.fullmatch(r"[a-z_]+(\[.+\]|\.[a-z_]+)*", place)
        assert reason in REASONS


@pytest.mark.parametrize(
    ("document", "kind"),
    [([], "a list"), ("text", "text"), (5, "a number"), (0.5, "a number"), (True, "true or false")],
)
def test_what_is_no_object_is_no_resource(document: Any, kind: str) -> None:
    with pytest.raises(ValueError, match=f"^not an object but {kind}$"):
        decode(written(document), Sample)
    with pytest.raises(ValueError, match=f"^not an object but {kind}$"):
        decode_page(written(document), Sample, "samples")


@pytest.mark.parametrize("body", [b"", b"null", b"{", b'{"sid":"WT1"}{}', b'{"sid":"\xff"}'])
def test_what_holds_no_document_is_told_from_what_is_not_as_documented(body: bytes) -> None:
    with pytest.raises(JsonSyntaxError):
        decode(body, Sample)
    with pytest.raises(JsonSyntaxError):
        decode_page(body, Sample, "samples")


@pytest.mark.parametrize("name", [b"colour", b"sid"])
def test_text_that_is_no_utf8_is_no_json_in_any_field(name: bytes) -> None:
    with pytest.raises(JsonSyntaxError, match="utf-8"):
        decode(b'{"%b":"\xff","sid":"WT1"}' % name, Sample)


def test_an_etag_is_that_of_the_header_whatever_the_body_says() -> None:
    body = b'{"sid":"WT1","etag":"5"}'
    assert decode(body, Sample, '"3"').etag == '"3"'
    assert decode(body, Sample).etag is None
    assert structure(loads(body), Sample).etag is None
    rows, _ = decode_page(b'{"rows":[%b],"meta":{"key":"rows"}}' % body, Sample, "rows")
    assert rows[0].etag is None


@attrs.frozen(kw_only=True, weakref_slot=False)
class Whole:
    part: Part


def test_a_part_may_be_required() -> None:
    assert decode(b'{"part":{"average":3}}', Whole) == Whole(part=Part(average=3))
    with pytest.raises(ValueError, match=r"^part: is missing$"):
        decode(b"{}", Whole)


def test_a_missing_sid_is_named() -> None:
    with pytest.raises(ValueError, match=r"^sid: is missing$"):
        decode(b"{}", Task)


def test_plain_data_has_the_services_form() -> None:
    zone = datetime(2026, 11, 21, 14, 0, 0, 5, tzinfo=UTC) + timedelta(hours=1)
    plain = to_dict(Workflow(sid="WW1", configuration={"a": 1}, date_created=zone))
    assert plain["configuration"] == '{"a":1}'
    assert plain["date_created"] == "2026-11-21T15:00:00Z"
    assert to_dict(Workflow(sid="WW1", configuration="a: b"))["configuration"] == "a: b"
    assert set(plain) == set(attrs.fields_dict(Workflow))
    made = Workflow(sid="WW1", configuration={"a": [1, None]}, date_created=zone)
    assert to_dict(made, decoded=True) == to_dict(made) | {"configuration": {"a": [1, None]}}
    assert to_dict(Task(sid="WT1", etag="3")) == {
        field.name: "WT1" if field.name == "sid" else None
        for field in attrs.fields(Task)
        if field.name != "etag"
    }
