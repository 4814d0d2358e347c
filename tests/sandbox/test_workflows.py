from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.model.workflow_configuration import MAX_BYTES, read_document
from tests.sandbox.sandbox_api import Api, Clock, Value, serving

QUEUE = "WQ" + "a" * 32
OTHER = "WQ" + "b" * 32


def text(routing: object) -> str:
    return msgspec.json.encode({"task_routing": routing}).decode()


def exists(sid: str) -> bool:
    return sid in (QUEUE, OTHER)


def rule(when: str = "1==1", /, **target: object) -> dict[str, Any]:
    return {"expression": when, "targets": [{"queue": QUEUE, **target}]}


@pytest.mark.parametrize(
    "routing",
    [
        {},
        {"filters": []},
        {"filters": None, "default_filter": None},
        {"default_filter": {"queue": QUEUE}},
        {"filters": [rule()], "default_filter": {"queue": OTHER}},
        {"filters": [{**rule(), "filter_friendly_name": "x", "friendly_name": "x", "extra": [1]}]},
        {"filters": [rule(priority="10", timeout="30")]},
        {"filters": [rule(priority=0, timeout=1, order_by="worker.level DESC")]},
        {"filters": [rule("a == 1 AND b HAS 'x'", skip_if="workers.available == 0")]},
        {"filters": [rule(skip_if="1==1", expression="worker.level >= task.level")]},
        {"filters": [rule(known_worker_sid="task.agent_sid")]},
        {"filters": [rule(known_worker_friendly_name=None, priority=None)]},
        {"filters": [{"expression": "1==1", "targets": [{"queue": QUEUE}, {"timeout": 5}]}]},
    ],
)
def test_a_document_is_valid_and_kept_as_sent(routing: object) -> None:
    sent = " " + text(routing)
    assert read_document(sent, exists).text == sent


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("", "not JSON"),
        ("[", "not JSON"),
        ("task-routing:\n  - filter", "not JSON"),
        ("[]", "Configuration is not an object"),
        ("null", "Configuration is not an object"),
        ("{}", "task_routing is missing"),
        ('{"task_routing": []}', "task_routing is not an object"),
        (text({"filters": {}}), "task_routing.filters is not a list"),
        (text({"filters": [1]}), "filters[0] is not an object"),
        (text({"filters": [{}]}), "filters[0].expression is missing"),
        (
            text({"filters": [rule(expression=1)]}),
            "filters[0].targets[0].expression is not a string",
        ),
        (text({"filters": [{"expression": 1}]}), "filters[0].expression is not a string"),
        (text({"filters": [{"expression": "a ="}]}), "filters[0].expression is no expression"),
        (text({"filters": [{"expression": "1==1"}]}), "filters[0].targets is missing"),
        (text({"filters": [{"expression": "1==1", "targets": []}]}), "targets is missing or empty"),
        (text({"filters": [rule(), rule(queue="")]}), "filters[1].targets[0].queue is missing"),
        (text({"filters": [rule(queue="WQ1")]}), "'WQ1' is no TaskQueue"),
        (text({"filters": [rule(priority=-1)]}), "priority is not a whole number"),
        (text({"filters": [rule(priority="high")]}), "priority is not a whole number"),
        (text({"filters": [rule(priority=2**31)]}), "priority is not a whole number"),
        (text({"filters": [rule(priority="9" * 5000)]}), "priority is not a whole number"),
        (text({"filters": [rule(priority=True)]}), "priority is not a whole number"),
        (text({"filters": [rule(timeout=0)]}), "timeout is not a whole number from 1"),
        (text({"filters": [rule(timeout=1.5)]}), "timeout is not a whole number"),
        (text({"filters": [rule(skip_if="workers.")]}), "skip_if is no expression"),
        (text({"filters": [rule(order_by=1)]}), "order_by is not a string"),
        (text({"filters": [rule(known_worker_sid=1)]}), "known_worker_sid is not a string"),
        (text({"filters": [rule("a-b == 1")]}), "filters[0].expression is no expression"),
        (text({"filters": [rule(expression="worker.a-b > 3")]}), "expression is no expression"),
        (text({"filters": [rule(skip_if="task.a-b == 1")]}), "skip_if is no expression"),
        (text({"filters": [rule(order_by="worker.a-b DESC")]}), "order_by is no ordering"),
        (text({"filters": [rule(known_worker_sid="task.a-b")]}), "sid is no reference"),
        (text({"filters": [rule(known_worker_friendly_name="task.a-b")]}), "is no reference"),
        (text({"default_filter": {}}), "default_filter.queue is missing"),
        (text({"default_filter": {"queue": "WQ1"}}), "default_filter.queue 'WQ1' is no TaskQueue"),
        (text({"default_filter": "x"}), "default_filter is not an object"),
        (" " * MAX_BYTES + "{}", "longer than"),
    ],
)
def test_a_wrong_document_is_refused_with_the_place(document: str, place: str) -> None:
    with pytest.raises(Refusal, match="Invalid Configuration") as caught:
        read_document(document, exists)
    assert place in caught.value.message
    assert caught.value.code == 20001


def test_the_first_true_filter_routes_and_the_default_catches_the_rest() -> None:
    document = read_document(
        text(
            {
                "filters": [
                    rule("type == 'call'", priority="10"),
                    {"expression": "vip == true", "targets": [{"queue": OTHER}]},
                    rule("1==1 AND type == 'mail'"),
                ],
                "default_filter": {"queue": OTHER},
            }
        ),
        exists,
    )

    def route(attributes: dict[str, Any]) -> tuple[str, int | None]:
        rule = document.route(attributes)
        assert rule is not None
        target = document.target(rule, 0)
        assert target is not None
        return target.queue_sid, target.priority

    assert route({"type": "call", "vip": True}) == (QUEUE, 10)
    assert route({"vip": True}) == (OTHER, None)
    assert route({"type": "mail"}) == (QUEUE, None)
    assert route({}) == (OTHER, None)
    assert document.queue_sids == {QUEUE, OTHER}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving("NONE", clock=Clock()) as api:
        yield api


async def routed(api: Api, **target: object) -> str:
    queue = await api.make("/TaskQueues", FriendlyName="Q")
    return text({"filters": [rule(**{"queue": queue["sid"], **target})]})


async def test_a_new_workflow_has_every_documented_field(api: Api) -> None:
    configuration = await routed(api)
    workflow = await api.make(
        "/Workflows",
        FriendlyName="Support",
        Configuration=configuration,
        AssignmentCallbackUrl="https://example.com/a",
        TaskReservationTimeout=30,
    )
    url = f"{api.url('')}/Workflows/{workflow['sid']}"
    assert workflow == {
        "account_sid": api.sandbox.account_sid,
        "assignment_callback_url": "https://example.com/a",
        "configuration": configuration,
        "date_created": "2023-11-14T22:13:20Z",
        "date_updated": "2023-11-14T22:13:20Z",
        "document_content_type": "application/json",
        "fallback_assignment_callback_url": None,
        "friendly_name": "Support",
        "sid": workflow["sid"],
        "task_reservation_timeout": 30,
        "workspace_sid": api.workspace,
        "url": url,
        "links": {
            "statistics": f"{url}/Statistics",
            "real_time_statistics": f"{url}/RealTimeStatistics",
            "cumulative_statistics": f"{url}/CumulativeStatistics",
        },
    }
    assert (await api("GET", url)).json == workflow


async def test_a_targets_priority_overrides_that_of_the_task(api: Api) -> None:
    workflow = await api.make(
        "/Workflows", FriendlyName="W", Configuration=await routed(api, priority="7")
    )
    assert (await api.make("/Tasks", Priority=3))["priority"] == 7
    plain = text({"filters": [rule(queue=(await api.listed("/TaskQueues"))[0]["sid"])]})
    await api("POST", workflow["url"], {"Configuration": plain})
    assert (await api.make("/Tasks", Priority=3))["priority"] == 3


async def test_a_workflow_is_updated_listed_by_name_and_deleted(api: Api) -> None:
    configuration = await routed(api)
    workflow = await api.make("/Workflows", FriendlyName="Old", Configuration=configuration)
    form: dict[str, Value] = {
        "FriendlyName": "New",
        "FallbackAssignmentCallbackUrl": "https://example.com/f",
        "TaskReservationTimeout": 86_400,
        "ReEvaluateTasks": "true",
    }
    updated = (await api("POST", workflow["url"], form)).json
    assert updated == workflow | {
        "friendly_name": "New",
        "fallback_assignment_callback_url": "https://example.com/f",
        "task_reservation_timeout": 86_400,
    }
    assert await api.listed("/Workflows", FriendlyName="New") == [updated]
    assert await api.listed("/Workflows", FriendlyName="Old") == []
    assert (await api("DELETE", workflow["url"])).status == 204
    assert (await api("GET", workflow["url"])).refusal == (404, 20404)


@pytest.mark.parametrize(
    "form",
    [
        {"FriendlyName": "W"},
        {"Configuration": "{}"},
        {"FriendlyName": "W", "Configuration": "{}"},
        {"FriendlyName": "W", "Configuration": text({}), "TaskReservationTimeout": 0},
        {"FriendlyName": "W", "Configuration": text({}), "TaskReservationTimeout": 86_401},
        {"FriendlyName": "W" * 256, "Configuration": text({})},
    ],
)
async def test_a_wrong_workflow_is_not_created(api: Api, form: dict[str, Value]) -> None:
    assert (await api("POST", "/Workflows", form)).refusal == (400, 20001)
    assert await api.listed("/Workflows") == []


async def test_a_configuration_of_the_longest_length_goes_through(api: Api) -> None:
    configuration = text({}).ljust(MAX_BYTES)
    workflow = await api.make("/Workflows", FriendlyName="W", Configuration=configuration)
    assert workflow["configuration"] == configuration
    form = {"Configuration": configuration + " "}
    assert (await api("POST", workflow["url"], form)).refusal == (400, 20001)


@pytest.mark.parametrize(
    ("method", "path", "parameter"),
    [
        ("POST", "/TaskQueues", "TargetWorkers"),
        ("GET", "/Tasks", "EvaluateTaskAttributes"),
        ("GET", "/Workers", "TargetWorkersExpression"),
        ("GET", "/TaskQueues", "EvaluateWorkerAttributes"),
    ],
)
async def test_a_hyphen_in_a_name_is_refused_wherever_an_expression_is_read(
    api: Api, method: str, path: str, parameter: str
) -> None:
    form = {"FriendlyName": "Q", parameter: "skill-level > 3"}
    reply = await api(method, path, form)
    assert reply.refusal == (400, 20001)
    assert "'skill-level' at character 0 has a hyphen" in reply.json["message"]
