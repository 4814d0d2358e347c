"""Refusals of wrong values, before anything is sent, with the parameter and its bound."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiotask import Client
from tests.conftest import Canned
from tests.documented_api import OPERATIONS
from tests.test_contract import PLACES, SIDS, at

WA, WK, WQ, WT = (SIDS[prefix] for prefix in ("WA", "WK", "WQ", "WT"))
TOMORROW = datetime.now(UTC) + timedelta(days=1)

WRONG: list[tuple[str, str, dict[str, Any], str]] = [
    ("tasks", "create", {"priority": -1}, "priority: must be 0 to 2147483647, not -1"),
    ("tasks", "create", {"priority": 2**31}, "priority: must be 0 to 2147483647"),
    ("tasks", "create", {"timeout": 1_209_601}, "timeout: must be 0 to 1209600"),
    ("tasks", "create", {"virtual_start_time": TOMORROW}, "virtual_start_time: .* in the future"),
    ("tasks", "create", {"workflow_sid": WQ}, "workflow_sid: must be a sid: WW"),
    ("tasks", "create", {"task_queue_sid": WK}, "task_queue_sid: must be a sid: WQ"),
    ("tasks", "create", {"routing_target": WT}, "routing_target: must be a sid: WK or WQ or WW"),
    ("tasks", "create", {"task_channel": WT}, "task_channel: must be a TC sid or a unique name"),
    ("tasks", "list", {"priority": -1}, "priority: must be 0 to"),
    ("tasks", "list", {"task_queue_sid": "Support"}, "task_queue_sid: must be a sid: WQ"),
    ("task.reservations", "list", {"worker_sid": WT}, "worker_sid: must be a sid: WK"),
    (
        "task.reservations",
        "update",
        {"max_participants": 251},
        "max_participants: must be 2 to",
    ),
    ("task.reservations", "update", {"dequeue_timeout": -1}, "dequeue_timeout: must be 0 to"),
    ("worker.reservations", "update", {"redirect_call_sid": WK}, "redirect_call_sid: .* CA"),
    ("worker.reservations", "update", {"post_work_activity_sid": "x"}, "post_work_activity_sid"),
    ("worker.worker_channels", "update", {"capacity": -1}, "capacity: must be 0 to .* not -1"),
    ("workers", "create", {"friendly_name": ""}, "friendly_name: must have 1 to 64 characters"),
    ("workers", "create", {"friendly_name": "x" * 65}, "friendly_name: .* 64 characters, not 65"),
    ("workers", "update", {"activity_sid": WK}, "activity_sid: must be a sid: WA"),
    ("workers", "update", {"attributes": {"a": "x" * 4096}}, "attributes: .* 4096 characters"),
    ("workers", "list", {"task_queue_sid": WA}, "task_queue_sid: must be a sid: WQ"),
    ("workers.statistics", "fetch", {"task_queue_sid": WA}, "task_queue_sid: must be a sid: WQ"),
    ("activities", "create", {"friendly_name": "x" * 65}, "friendly_name: must have 1 to 64"),
    ("activities", "update", {"friendly_name": ""}, "friendly_name: must have 1 to 64"),
    ("task_channels", "update", {"friendly_name": ""}, "friendly_name: must have 1 to 64"),
    ("task_queues", "update", {"max_reserved_workers": 0}, "max_reserved_workers: must be 1 to 50"),
    ("task_queues", "update", {"max_reserved_workers": 51}, "max_reserved_workers: must be 1 to"),
    ("task_queues", "list", {"worker_sid": WQ}, "worker_sid: must be a sid: WK"),
    ("workflows", "update", {"task_reservation_timeout": 0}, "task_reservation_timeout: must be 1"),
    ("workflows", "update", {"task_reservation_timeout": 86_401}, "must be 1 to 86400, not 86401"),
    ("workflows", "update", {"configuration": "{}"}, "configuration: must be a mapping"),
    ("workflows", "update", {"assignment_callback_url": "x"}, "assignment_callback_url: .* URL"),
    ("worker.reservations", "update", {"call_url": ""}, "call_url: must be an absolute http"),
    ("events", "list", {"minutes": 0}, "minutes: must be 1 to"),
    ("events", "list", {"task_sid": WK}, "task_sid: must be a sid: WT"),
    ("events", "list", {"sid": WT}, "sid: must be a sid: EV"),
    ("events", "list", {"start_date": datetime(2026, 1, 1)}, "start_date: .* time zone"),  # noqa: DTZ001
    ("statistics", "fetch", {"minutes": 43_201}, "minutes: must be 1 to 43200, not 43201"),
    ("task_queues.statistics", "list", {"minutes": -1}, "minutes: must be 1 to"),
    (
        "workflow.cumulative_statistics",
        "fetch",
        {"end_date": "now"},
        "end_date: must be a date",
    ),
]


@pytest.mark.parametrize(("way", "verb", "fields", "reason"), WRONG)
async def test_a_value_outside_its_bounds_is_refused(
    far_client: Client, canned: Canned, way: str, verb: str, fields: dict[str, Any], reason: str
) -> None:
    place = at(far_client, f"workspace.{way}")
    named = [own(place)] if verb == "update" else []
    with pytest.raises(ValueError, match=reason):
        await getattr(place, verb)(*named, **fields)
    assert not canned.requests


def own(place: Any) -> str:
    return next(sid for sid in [*SIDS.values(), "one"] if fits(place, sid))


def fits(place: Any, sid: str) -> bool:
    try:
        place.sid(sid)
    except ValueError:
        return False
    return True


UNIQUE = ["two words", "with-hyphen", "1st", "", "é"]


@pytest.mark.parametrize("name", UNIQUE)
async def test_a_channel_needs_a_name_that_expressions_can_use(
    far_client: Client, name: str
) -> None:
    channels = at(far_client, "workspace.task_channels")
    with pytest.raises(ValueError, match="unique_name: must be letters, digits, _ and"):
        await channels.create(friendly_name="x", unique_name=name)


NAMED = sorted(
    line
    for line in OPERATIONS.splitlines()
    if line.endswith((" fetch", " update", " delete")) and "statistics" not in line
)


@pytest.mark.parametrize("title", NAMED)
@pytest.mark.parametrize("kind", [*SIDS, "AC"])
async def test_a_sid_of_another_kind_is_refused(
    far_client: Client, canned: Canned, title: str, kind: str
) -> None:
    way, verb = title.split()
    place = at(far_client, way)
    sid = kind + "a" * 32
    if fits(place, sid):
        return
    with pytest.raises(ValueError, match="sid: must be a"):
        await getattr(place, verb)(sid)
    assert not canned.requests


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", SIDS)
def test_a_place_wants_a_sid_of_its_own_kind(far_client: Client, place: str, kind: str) -> None:
    if kind == PLACES[place]:
        return
    root: Any = far_client.taskrouter
    if place == "assistant":
        root = far_client.autopilot
    elif place != "workspace":
        root = root.workspace(SIDS["WS"])
    with pytest.raises(ValueError, match="sid: must be a"):
        getattr(root, place)(kind + "a" * 32)


@pytest.mark.parametrize(
    ("way", "fields"),
    [
        ("tasks", {"assignment_status": "frozen"}),
        ("task.reservations", {"reservation_status": "frozen"}),
        ("task.reservations", {"instruction": "hologram"}),
        ("task_queues", {"task_order": "RANDOM"}),
    ],
)
async def test_a_value_that_the_service_may_add_is_sent(
    far_client: Client, canned: Canned, way: str, fields: dict[str, Any]
) -> None:
    place = at(far_client, f"workspace.{way}")
    sid = own(place)
    canned.post(f"{place._url}/{sid}", payload={"sid": sid})
    assert (await place.update(sid, **fields)).sid == sid
