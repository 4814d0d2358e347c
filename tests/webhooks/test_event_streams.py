"""TaskRouter's events as Event Streams posts them: CloudEvents in JSON."""

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.webhooks import (
    CallbackError,
    EventCallback,
    parse_event,
    parse_events,
)

# The schema TaskRouter.WDSEvent, whose names integrations of other products list, too.
PAYLOAD: dict[str, Any] = {
    "sid": "EV" + "1" * 32,
    "eventtype": "workflow.target-matched",
    "account_sid": "AC" + "1" * 32,
    "timestamp": "2026-11-21T12:00:00.250Z",
    "workspace_sid": "WS" + "1" * 32,
    "workspace_name": "Flex Task Assignment",
    "task_sid": "WT" + "1" * 32,
    "task_attributes": '{"type":"support"}',
    "task_age": 31088,
    "task_date_created": "2026-11-21T11:00:00.000Z",
    "task_priority": 1,
    "task_assignment_status": "pending",
    "task_completed_reason": None,
    "task_channel_optimized_routing": False,
    "task_queue_sid": "WQ" + "2" * 32,
    "previous_task_queue_sid": "WQ" + "1" * 32,
    "previous_task_queue_name": "First",
    "previous_task_priority": 0,
    "workflow_filter_name": "Spanish",
    "workflow_filter_expression": "language == 'es'",
    "workflow_filter_target_expression": "worker.level > 3",
    "target_changed_reason": "",
    "worker_channel_available": 1,
    "worker_channel_available_capacity": 100.0,
    "worker_attributes": {"level": 3},
}


def cloud_event(payload: dict[str, Any], kind: str = "workflow.target-matched") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": f"com.twilio.taskrouter.{kind}",
        "source": "AB01",
        "id": "NO01",
        "dataschema": "https://events-schemas.twilio.com/TaskRouter.WDSEvent/4",
        "datacontenttype": "application/json",
        "time": "2026-11-21T12:00:01Z",
        "data": {
            "sid": payload.get("sid"),
            "name": "TargetMatched",
            "product_name": "TaskRouter",
            "publisher_metadata": "{}",
            "payload_type": "application/json",
            "payload": payload,
        },
    }


def body_of(*payloads: dict[str, Any]) -> bytes:
    return json.dumps([cloud_event(payload) for payload in payloads]).encode()


def test_an_event_of_event_streams_is_read_as_a_posted_one_is() -> None:
    assert parse_event(json.dumps(cloud_event(PAYLOAD)).encode()) == EventCallback(
        event_type="workflow.target-matched",
        sid="EV" + "1" * 32,
        account_sid="AC" + "1" * 32,
        timestamp=datetime(2026, 11, 21, 12, 0, 0, 250_000, UTC),
        timestamp_ms=1_795_262_400_250,
        workspace_sid="WS" + "1" * 32,
        workspace_name="Flex Task Assignment",
        task_sid="WT" + "1" * 32,
        task_attributes={"type": "support"},
        task_age=31088,
        task_date_created=datetime(2026, 11, 21, 11, tzinfo=UTC),
        task_priority=1,
        task_assignment_status="pending",
        task_channel_optimized_routing=False,
        task_queue_sid="WQ" + "2" * 32,
        previous_task_queue_sid="WQ" + "1" * 32,
        previous_task_queue_name="First",
        previous_task_priority=0,
        workflow_filter_name="Spanish",
        workflow_filter_expression="language == 'es'",
        workflow_filter_target_expression="worker.level > 3",
        target_changed_reason="",
        worker_channel_available=True,
        worker_channel_available_capacity=100,
        worker_attributes={"level": 3},
    )


def test_several_events_come_in_one_body() -> None:
    payloads = [PAYLOAD | {"sid": f"EV{number}"} for number in range(3)]
    body = b" \n" + body_of(*payloads)
    assert [event.sid for event in parse_events(body)] == ["EV0", "EV1", "EV2"]
    assert parse_event(body_of(PAYLOAD)) == parse_events(body_of(PAYLOAD))[0]
    with pytest.raises(CallbackError, match=r"^the body has 3 events, which parse_events reads$"):
        parse_event(body)


def test_a_posted_form_is_one_event() -> None:
    (event,) = parse_events(b"EventType=task.created&TaskSid=WT1")
    assert event == parse_event(b"EventType=task.created&TaskSid=WT1")


def test_no_event_is_lost_by_what_is_new_or_of_another_form() -> None:
    payload = {"task_age": "soon", "task_priority": 1.5, "new": {"a": [1]}, "older": None}
    event = parse_event(json.dumps(cloud_event(payload, "task.polished")).encode())
    assert (event.event_type, event.task_age, event.timestamp_ms) == ("task.polished", None, None)
    assert event.extra == {"task_age": "soon", "task_priority": "1.5", "new": '{"a":[1]}'}


def test_an_integer_of_any_size_in_the_attributes_stays_exact() -> None:
    payload = PAYLOAD | {"task_attributes": {"iccid": 89014103211118510720}}
    assert parse_event(body_of(payload)).task_attributes == {"iccid": 89014103211118510720}


def test_every_field_can_come_in_a_payload() -> None:
    names = {field.name for field in attrs.fields(EventCallback)} - {"extra", "event_type"}
    event = parse_event(body_of({"eventtype": "x"} | dict.fromkeys(names, "1")))
    assert event.extra == {}
    assert all(getattr(event, name) is not None for name in names)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(sorted(PAYLOAD)) | st.text(max_size=9), inner, max_size=6)
    ),
)


@given(st.dictionaries(st.sampled_from(sorted(PAYLOAD)), documents))
def test_any_payload_is_an_event_or_a_callback_error(payload: dict[str, Any]) -> None:
    try:
        event = parse_event(body_of(payload))
    except CallbackError:
        return
    assert event.event_type


@given(documents)
def test_any_json_is_events_or_a_callback_error(document: Any) -> None:
    try:
        events = parse_events(json.dumps([document]).encode())
    except CallbackError:
        return
    assert len(events) == 1


@pytest.mark.parametrize("depth", [200, 900, 100_000])
def test_a_deep_payload_is_an_event_or_a_callback_error(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    body = b'{"type":"com.twilio.taskrouter.x","data":{"payload":{"new":' + deep + b"}}}"
    try:
        event = parse_event(body)
    except CallbackError:
        return
    assert event.extra["new"].count("[") == depth
