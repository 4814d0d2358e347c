"""Callbacks, read from forms as TaskRouter posts them, and from other forms."""

import copy
import pickle
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask import to_dict
from aiotask.errors import AiotaskError
from aiotask.webhooks import (
    AssignmentCallback,
    CallbackError,
    EventCallback,
    parse_assignment,
    parse_event,
)

MAX_BODY = 2**20
SIDS = {
    "ReservationSid": "WR" + "1" * 32,
    "TaskSid": "WT" + "2" * 32,
    "WorkerSid": "WK" + "3" * 32,
    "WorkspaceSid": "WS" + "4" * 32,
}
NO_TYPE = "the event has no type that begins with com.twilio.taskrouter."
NO_PAYLOAD = "the event has no data.payload that is an object"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOON_SECONDS = str(int(NOON.timestamp()))


def event(**fields: str) -> EventCallback:
    return parse_event(urlencode({"EventType": "task.created"} | fields).encode())


def assignment(**fields: str) -> AssignmentCallback:
    return parse_assignment(urlencode(SIDS | fields).encode())


def test_an_event_has_all_that_the_service_tells_of_it() -> None:
    found = event(
        EventType="reservation.created",
        Sid="EV" + "5" * 32,
        Timestamp=NOON_SECONDS,
        TimestampMs=NOON_SECONDS + "123",
        EventDescription="Worker Ana reserved",
        TaskAttributes='{"type":"support","score":1.5}',
        TaskAge="42",
        TaskPriority="7",
        TaskAssignmentStatus="reserved",
        TaskDateCreated=NOON_SECONDS,
        TaskQueueEnteredDate="2026-11-21T12:00:00Z",
        TaskIgnoreCapacity="false",
        WorkerAttributes="{}",
        WorkerName="Ana Ñandú",
        WorkerTimeInPreviousActivityMs="61500",
        WorkerChannelAvailable="true",
        ReservationVersion="0",
        TaskChannelUniqueName="",
        **SIDS,
    )
    assert found == EventCallback(
        event_type="reservation.created",
        sid="EV" + "5" * 32,
        timestamp=NOON,
        timestamp_ms=int(NOON_SECONDS) * 1000 + 123,
        event_description="Worker Ana reserved",
        task_attributes={"type": "support", "score": 1.5},
        task_age=42,
        task_priority=7,
        task_assignment_status="reserved",
        task_date_created=NOON,
        task_queue_entered_date=NOON,
        task_ignore_capacity=False,
        worker_attributes={},
        worker_name="Ana Ñandú",
        worker_time_in_previous_activity_ms=61_500,
        worker_channel_available=True,
        reservation_version=0,
        task_channel_unique_name="",
        reservation_sid=SIDS["ReservationSid"],
        task_sid=SIDS["TaskSid"],
        worker_sid=SIDS["WorkerSid"],
        workspace_sid=SIDS["WorkspaceSid"],
    )


def test_an_assignment_has_all_that_the_service_tells_of_it() -> None:
    found = assignment(
        AccountSid="AC" + "6" * 32,
        WorkflowSid="WW" + "7" * 32,
        TaskQueueSid="WQ" + "8" * 32,
        Timestamp=NOON_SECONDS,
        TaskAttributes='{"call_sid":"CA1"}',
        TaskAge="3",
        TaskPriority="0",
        WorkerAttributes='{"contact_uri":"client:ana"}',
        TaskChannelUniqueName="voice",
    )
    assert found == AssignmentCallback(
        reservation_sid=SIDS["ReservationSid"],
        task_sid=SIDS["TaskSid"],
        worker_sid=SIDS["WorkerSid"],
        workspace_sid=SIDS["WorkspaceSid"],
        account_sid="AC" + "6" * 32,
        workflow_sid="WW" + "7" * 32,
        task_queue_sid="WQ" + "8" * 32,
        timestamp=NOON,
        task_attributes={"call_sid": "CA1"},
        task_age=3,
        task_priority=0,
        worker_attributes={"contact_uri": "client:ana"},
        extra={"TaskChannelUniqueName": "voice"},
    )


def test_what_a_callback_does_not_say_is_none() -> None:
    found = event()
    assert found == EventCallback(event_type="task.created")
    assert found.task_attributes is None
    assert found.extra == {}
    assert assignment().task_age is None


@pytest.mark.parametrize("kind", ["worker.polished", "task.Created ", "📇"])
def test_an_unknown_event_type_is_no_error(kind: str) -> None:
    assert event(EventType=kind).event_type == kind


@pytest.mark.parametrize(
    ("wire", "name", "text", "value"),
    [
        ("TaskAge", "task_age", "-1", -1),
        ("TaskAge", "task_age", "007", 7),
        ("TaskIgnoreCapacity", "task_ignore_capacity", "TRUE", True),
        ("Timestamp", "timestamp", "0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("Timestamp", "timestamp", "-1", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Timestamp", "timestamp", NOON_SECONDS + "500", NOON.replace(microsecond=500_000)),
        ("Timestamp", "timestamp", "2026-11-21T13:00:00+01:00", NOON),
        ("TaskAttributes", "task_attributes", "[1,null]", [1, None]),
        ("TaskAttributes", "task_attributes", "{'agent_id':'1'}", "{'agent_id':'1'}"),
        ("TaskAttributes", "task_attributes", "", ""),
        ("TaskAttributes", "task_attributes", "NaN", "NaN"),
        ("TaskAttributes", "task_attributes", "[" * 2000, "[" * 2000),
    ],
)
def test_a_text_is_read_as_what_its_field_is(wire: str, name: str, text: str, value: Any) -> None:
    found = event(**{wire: text})
    assert getattr(found, name) == value
    assert found.extra == {}


@pytest.mark.parametrize(
    ("wire", "name", "text"),
    [
        ("TaskAge", "task_age", ""),
        ("TaskAge", "task_age", "1.5"),
        ("TaskAge", "task_age", "1_000"),
        ("TaskAge", "task_age", "٣"),
        ("TaskAge", "task_age", " 1"),
        ("TaskAge", "task_age", "9" * 5000),
        ("TaskIgnoreCapacity", "task_ignore_capacity", "yes"),
        ("TaskIgnoreCapacity", "task_ignore_capacity", "null"),
        ("Timestamp", "timestamp", ""),
        ("Timestamp", "timestamp", "soon"),
        ("Timestamp", "timestamp", "9" * 18),
        ("Timestamp", "timestamp", "9" * 19),
        ("Timestamp", "timestamp", "2026-11-21T12:00:00"),
    ],
)
def test_a_value_of_another_form_loses_no_event_and_is_kept_as_it_came(
    wire: str, name: str, text: str
) -> None:
    found = event(**{wire: text})
    assert getattr(found, name) is None
    assert found.extra == {wire: text}


def test_what_is_not_known_is_kept_under_its_name_on_the_wire() -> None:
    body = b"EventType=task.created&New=a%20b&extra=1&taskage=5&New=c"
    assert parse_event(body).extra == {"New": "a b", "extra": "1", "taskage": "5"}


def test_a_field_may_be_repeated_only_as_it_was() -> None:
    assert parse_event(b"EventType=a&TaskSid=1&TaskSid=1").task_sid == "1"
    with pytest.raises(CallbackError, match=r"^the form has TaskSid twice, and they differ$"):
        parse_event(b"EventType=a&TaskSid=1&TaskSid=2")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the form is not an EventCallback: it lacks EventType"),
        (b"EventType=", "the form is not an EventCallback: it lacks EventType"),
        (b'{"EventType":"task.created"}', NO_TYPE),
        (b"[{}]", NO_TYPE),
        (b"[1]", NO_TYPE),
        (b'{"type":5}', NO_TYPE),
        (b'{"type":"com.twilio.messaging.message.sent","data":{"payload":{}}}', NO_TYPE),
        (b'{"type":"com.twilio.taskrouter.task.created"}', NO_PAYLOAD),
        (b'{"type":"com.twilio.taskrouter.task.created","data":{}}', NO_PAYLOAD),
        (b'{"type":"com.twilio.taskrouter.task.created","data":{"payload":[]}}', NO_PAYLOAD),
        (
            b'{"type":"com.twilio.taskrouter.","data":{"payload":{}}}',
            "the payload is not an EventCallback: it lacks eventtype",
        ),
        (b" [", "the body is not JSON: Input data was truncated"),
        (b"[]", "the body has 0 events, which parse_events reads"),
        (b" " * MAX_BODY + b"{}", "the body has 1048578 bytes, and at most 1048576 are read"),
        (b"EventType=\xff", "the body is not a form in UTF-8: invalid start byte"),
        (b"EventType=%ED%A0%80", "the body is not a form in UTF-8: invalid continuation byte"),
        (b"a=1&" * 1000 + b"EventType=a", "the body has more than 1000 fields"),
        (b"a" * (MAX_BODY + 1), "the body has 1048577 bytes, and at most 1048576 are read"),
    ],
)
def test_what_is_no_event_is_one_kind_of_error(body: bytes, reason: str) -> None:
    with pytest.raises(CallbackError) as caught:
        parse_event(body)
    assert str(caught.value) == reason
    assert isinstance(caught.value, AiotaskError)
    assert isinstance(caught.value, ValueError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == reason  # noqa: S301 - our own


@pytest.mark.parametrize("missing", SIDS)
def test_an_assignment_without_what_it_is_about_is_none(missing: str) -> None:
    body = urlencode({name: sid for name, sid in SIDS.items() if name != missing}).encode()
    with pytest.raises(CallbackError, match=f"not an AssignmentCallback: it lacks {missing}$"):
        parse_assignment(body)


def test_the_limit_of_a_body_is_the_callers() -> None:
    body = urlencode(SIDS).encode()
    assert parse_assignment(body, max_body=len(body)).task_sid == SIDS["TaskSid"]
    with pytest.raises(CallbackError, match="at most 10 are read"):
        parse_assignment(body, max_body=10)
    with pytest.raises(CallbackError, match="at most 10 are read"):
        parse_event(body, max_body=10)


def test_a_body_that_is_text_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError, match=r"^body: must be the bytes as they came, not str$"):
        parse_event("EventType=a")  # type: ignore[arg-type]  # that is the test


def test_the_largest_attributes_escaped_throughout_are_far_from_the_limit() -> None:
    attributes = '"' + "\N{CARD INDEX}" * 4094 + '"'
    body = urlencode(SIDS | {"TaskAttributes": attributes, "WorkerAttributes": attributes}).encode()
    assert len(body) < MAX_BODY / 10
    assert len(parse_assignment(body).task_attributes) == 4094


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])  # noqa: S301
def test_callbacks_are_values(duplicate: Any) -> None:
    for found in (event(New="1", TaskAttributes="{}"), assignment(New="1")):
        assert duplicate(found) == found
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            found.task_sid = "x"  # type: ignore[misc]  # that is the test


def test_callbacks_become_plain_data_as_resources_do() -> None:
    plain = to_dict(event(Timestamp=NOON_SECONDS, TaskAttributes='{"a":1}', New="1"))
    assert plain["timestamp"] == "2026-11-21T12:00:00Z"
    assert plain["task_attributes"] == '{"a":1}'
    assert plain["extra"] == {"New": "1"}


@given(st.one_of(st.binary(), st.binary().map(lambda noise: b"EventType=a&Timestamp=" + noise)))
def test_a_body_of_noise_is_an_event_or_that_error(body: bytes) -> None:
    try:
        found = parse_event(body)
    except CallbackError:
        return
    assert found.event_type


@given(
    st.dictionaries(
        st.sampled_from(
            ["TaskAge", "Timestamp", "TaskAttributes", "WorkerName", "ActivityAvailable"]
        )
        | st.text(st.characters(codec="utf-8")),
        st.text(st.characters(codec="utf-8")) | st.from_regex(r"-?[0-9]+", fullmatch=True),
    )
)
def test_no_text_of_a_form_is_lost(fields: dict[str, str]) -> None:
    found = parse_event(urlencode({"EventType": "x"} | fields).encode())
    for name, text in fields.items():
        if name in found.extra:
            assert found.extra[name] == text
        else:
            snake = {"TaskAge": "task_age", "Timestamp": "timestamp", "WorkerName": "worker_name"}
            snake |= {"TaskAttributes": "task_attributes", "EventType": "event_type"}
            snake |= {"ActivityAvailable": "activity_available"}
            if name in snake:
                assert getattr(found, snake[name]) is not None or text == "null"
