"""Answers to assignment callbacks, as the service documents them."""

import json
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from aiotask.webhooks import (
    CallFields,
    ConferenceFields,
    DequeueFields,
    Instruction,
    RedirectFields,
    RejectFields,
    accept,
    call,
    conference,
    dequeue,
    redirect,
    reject,
)

ACTIVITY = "WA" + "0123456789abcdef" * 2
CALL = "CA" + "0123456789abcdef" * 2
HOOK = "https://example.com/hook"
Build = Callable[..., Instruction]


@pytest.mark.parametrize(
    ("instruction", "document"),
    [
        (accept(), {"instruction": "accept"}),
        (reject(activity_sid=ACTIVITY), {"instruction": "reject", "activity_sid": ACTIVITY}),
        (dequeue(), {"instruction": "dequeue"}),
        (
            dequeue(
                to="+14151112222",
                from_="+18001231234",
                post_work_activity_sid=ACTIVITY,
                record="record-from-answer",
                timeout=999,
                status_callback_url=HOOK,
                status_callback_events=["answered", "completed"],
            ),
            {
                "instruction": "dequeue",
                "to": "+14151112222",
                "from": "+18001231234",
                "post_work_activity_sid": ACTIVITY,
                "record": "record-from-answer",
                "timeout": 999,
                "status_callback_url": HOOK,
                "status_callback_events": "answered,completed",
            },
        ),
        (
            call(from_="+15558675309", url=HOOK, accept=True),
            {"instruction": "call", "from": "+15558675309", "url": HOOK, "accept": True},
        ),
        (
            redirect(call_sid=CALL, url="HTTP://example.com", accept=False),
            {
                "instruction": "redirect",
                "call_sid": CALL,
                "url": "HTTP://example.com",
                "accept": False,
            },
        ),
        (conference(), {"instruction": "conference"}),
        (
            conference(
                from_="+15558675309",
                wait_url="",
                max_participants=2,
                conference_status_callback=HOOK,
                conference_status_callback_event=("start", "end"),
                status_callback_event=["ringing"],
                end_conference_on_exit=True,
            ),
            {
                "instruction": "conference",
                "from": "+15558675309",
                "wait_url": "",
                "max_participants": 2,
                "conference_status_callback": HOOK,
                "conference_status_callback_event": "start,end",
                "status_callback_event": "ringing",
                "end_conference_on_exit": True,
            },
        ),
    ],
)
def test_an_instruction_is_the_json_that_is_documented(
    instruction: Instruction, document: dict[str, Any]
) -> None:
    assert json.loads(json.dumps(instruction)) == document


def test_one_event_may_be_given_as_a_text() -> None:
    lone: Build = dequeue
    assert lone(status_callback_events="answered")["status_callback_events"] == "answered"


@pytest.mark.parametrize(
    ("build", "fields", "reason"),
    [
        (reject, {"activity_sid": "WX" + "0" * 32}, "activity_sid: must be a sid: WA and"),
        (reject, {"activity_sid": None}, "activity_sid: must be a sid: WA and|must be a str"),
        (dequeue, {"timeout": 1000}, "timeout: must be 0 to 999, not 1000"),
        (dequeue, {"timeout": -1}, "timeout: must be 0 to 999, not -1"),
        (dequeue, {"timeout": True}, "timeout: must be an int, not bool"),
        (dequeue, {"timeout": "60"}, "timeout: must be an int, not str"),
        (dequeue, {"to": None}, "to: must be a str, not None"),
        (dequeue, {"to": "\udcff"}, "to: .*surrogates not allowed"),
        (dequeue, {"status_callback_url": ""}, "must be an absolute http or https URL, not ''"),
        (dequeue, {"status_callback_url": "/hook"}, "must be an absolute http or https URL"),
        (dequeue, {"status_callback_url": "https://a b"}, "must be an absolute http or https URL"),
        (dequeue, {"status_callback_events": []}, "status_callback_events: must not be empty"),
        (dequeue, {"status_callback_events": {"answered"}}, "must be a sequence, not set"),
        (call, {"from_": "a", "url": "ftp://a"}, "url: must be an absolute http or https URL"),
        (call, {"from_": "a", "url": HOOK, "accept": "true"}, "accept: must be a bool, not str"),
        (redirect, {"call_sid": "CA1", "url": HOOK}, "call_sid: must be a sid: CA and"),
        (conference, {"max_participants": 1}, "max_participants: must be 2 to 250, not 1"),
        (conference, {"record": "record-from-start"}, "record: must be a bool, not str"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused(
    build: Build, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        build(**fields)


@pytest.mark.parametrize(
    ("build", "fields", "reason"),
    [
        (accept, {"activity_sid": ACTIVITY}, "unexpected keyword argument"),
        (reject, {}, "RejectFields lacks activity_sid"),
        (call, {}, "CallFields lacks from_, url"),
        (call, {"from_": "+1"}, "CallFields lacks url"),
        (redirect, {"url": HOOK}, "RedirectFields lacks call_sid"),
        (dequeue, {"from": "+1"}, "DequeueFields has no field 'from'; did you mean 'from_'"),
        (dequeue, {"timeuot": 1}, "DequeueFields has no field 'timeuot'; did you mean 'timeout'"),
        (conference, {"room_name": "abc"}, "ConferenceFields has no field 'room_name'"),
        (reject, {"activity_sid": ACTIVITY, "instruction": "accept"}, "no field 'instruction'"),
    ],
)
def test_a_name_that_is_wrong_or_missing_is_a_type_error(
    build: Build, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TypeError, match=reason):
        build(**fields)


@pytest.mark.parametrize("build", [reject, dequeue, call, redirect, conference])
def test_an_instruction_takes_keywords_only(build: Build) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        build(ACTIVITY)


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        (RejectFields, 1),
        (DequeueFields, 7),
        (CallFields, 7),
        (RedirectFields, 3),
        (ConferenceFields, 32),
    ],
)
def test_each_documented_parameter_is_there(shape: type, count: int) -> None:
    assert len(get_type_hints(shape)) == count
