import random
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
import pytest

from aiotask.sandbox.model.task import Status
from tests.sandbox.sandbox_api import Api, Clock, Form, Value, pages, serving

NOBODY = "WT" + "0" * 32

STATUSES: list[Status] = ["pending", "pending", "reserved", "assigned", "completed"]

Record = dict[str, Any]


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(expression_rate=None, clock=Clock(), seed=1) as api:
        yield api


async def fill(api: Api, count: int = 60) -> list[Record]:
    """Create tasks that differ in all that a list can ask for."""
    chance = random.Random(7)
    (workflow,) = await api.listed("/Workflows")
    second = await api.make(
        "/Workflows", FriendlyName="Second", Configuration=workflow["configuration"]
    )
    queue = await api.make("/TaskQueues", FriendlyName="Other")
    workers = {
        name: api.sandbox.create_worker(api.workspace, name, activity="Offline")
        for name in ("Ada", "Bob")
    }
    tasks = []
    for number in range(count):
        form: dict[str, Value] = {
            "Priority": chance.choice([0, 0, 1, 5]),
            "WorkflowSid": chance.choice([workflow, second])["sid"],
            "VirtualStartTime": f"2023-01-0{chance.randint(1, 4)}T00:00:00Z",
            "Attributes": msgspec.json.encode(
                {"number": number, "language": chance.choice(["en", "fr", None, 1, True])}
            ).decode(),
        }
        if chance.random() < 0.3:
            form["TaskQueueSid"] = queue["sid"]
        if chance.random() < 0.3:
            form["RoutingTarget"] = chance.choice([*workers.values()])
            form["IgnoreCapacity"] = "false"
        task = await api.make("/Tasks", **form)
        status = chance.choice(STATUSES)
        if status != "pending":
            api.sandbox.set_status(task["sid"], status)
        for_ada = task["routing_target"] == workers["Ada"]
        tasks.append((await api("GET", task["url"])).json | {"number": number, "for_ada": for_ada})
    return tasks


async def test_an_empty_list_has_a_whole_meta(api: Api) -> None:
    url = api.url("/Tasks?PageSize=50&Page=0")
    assert (await api("GET", "/Tasks")).json == {
        "tasks": [],
        "meta": {
            "key": "tasks",
            "page": 0,
            "page_size": 50,
            "first_page_url": url,
            "previous_page_url": None,
            "url": url,
            "next_page_url": None,
        },
    }


async def test_pages_lead_through_all_tasks_once_and_back(api: Api) -> None:
    created = [(await api.make("/Tasks"))["sid"] for _ in range(7)]
    first = await api("GET", "/Tasks", {"PageSize": 3})
    second = await api("GET", first.json["meta"]["next_page_url"])
    third = await api("GET", second.json["meta"]["next_page_url"])
    replies = [first, second, third]
    assert [[task["sid"] for task in reply.json["tasks"]] for reply in replies] == [
        created[:3],
        created[3:6],
        created[6:],
    ]
    assert [reply.json["meta"]["page"] for reply in replies] == [0, 1, 2]
    assert first.json["meta"]["previous_page_url"] is None
    assert third.json["meta"]["next_page_url"] is None
    for later, earlier in ((third, second), (second, first)):
        back = await api("GET", later.json["meta"]["previous_page_url"])
        assert back.json["tasks"] == earlier.json["tasks"]
        assert back.json["meta"]["page"] == earlier.json["meta"]["page"]
        again = await api("GET", back.json["meta"]["next_page_url"])
        assert again.json["tasks"] == later.json["tasks"]


async def test_going_back_ends_at_the_first_page(api: Api) -> None:
    for _ in range(4):
        await api.make("/Tasks")
    first = await api("GET", "/Tasks", {"PageSize": 2})
    second = await api("GET", first.json["meta"]["next_page_url"])
    back = await api("GET", second.json["meta"]["previous_page_url"])
    assert back.json["meta"]["previous_page_url"] is None


async def test_a_token_is_the_sid_of_the_last_item(api: Api) -> None:
    created = [(await api.make("/Tasks"))["sid"] for _ in range(3)]
    meta = (await api("GET", "/Tasks", {"PageSize": 2})).json["meta"]
    query = dict(parse_qsl(urlsplit(meta["next_page_url"]).query))
    assert query == {"PageSize": "2", "Page": "1", "PageToken": f"PA{created[1]}"}


async def test_urls_echo_the_filters_under_the_name_that_the_client_used(api: Api) -> None:
    await api.make("/Tasks")
    await api.make("/Tasks")
    query: dict[str, Value] = {
        "AssignmentStatus": ["pending", "reserved"],
        "WorkflowName": "Default Fifo Workflow",
        "PageSize": 1,
    }
    reply = await api("GET", "/Tasks", query, headers={"Host": "taskrouter.test:1234"})
    base = f"http://taskrouter.test:1234/v1/Workspaces/{api.workspace}"
    echoed = (
        "AssignmentStatus=pending&AssignmentStatus=reserved"
        "&WorkflowName=Default%20Fifo%20Workflow&PageSize=1"
    )
    assert reply.json["meta"]["url"] == f"{base}/Tasks?{echoed}&Page=0"
    assert reply.json["meta"]["next_page_url"].startswith(f"{base}/Tasks?{echoed}&Page=1&PageToken")
    assert reply.json["tasks"][0]["links"]["workspace"] == base


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"PageSize": 0}, (400, 20001)),
        ({"PageSize": -1}, (400, 20001)),
        ({"PageSize": "many"}, (400, 20001)),
        ({"PageSize": 1001}, (400, 20007)),
        ({"Page": 1}, (400, 40153)),
        ({"Page": -1}, (400, 20001)),
        ({"PageToken": "", "Page": 1}, (400, 21481)),
        ({"PageToken": "garbage"}, (400, 21481)),
        ({"PageToken": "PA" + NOBODY}, (400, 21481)),
        ({"PageToken": NOBODY}, (400, 21481)),
        ({"Priority": "high"}, (400, 20001)),
        ({"AssignmentStatus": "paused"}, (400, 20001)),
        ({"AssignmentStatus": "pending,paused"}, (400, 20001)),
        ({"Ordering": "Priority"}, (400, 20001)),
        ({"Ordering": "Priority:up"}, (400, 20001)),
        ({"Ordering": "Age:asc"}, (400, 20001)),
        ({"Ordering": "Priority:asc,Priority:desc"}, (400, 20001)),
        ({"Ordering": "Priority:asc,"}, (400, 20001)),
        ({"Ordering": "DateCreated:asc,VirtualStartTime:asc"}, (400, 20001)),
        ({"EvaluateTaskAttributes": "language =="}, (400, 20001)),
        ({"PageToken": "2"}, (400, 21481)),
        ({"Page": "-1"}, (400, 20001)),
        ({"WorkflowSid": "WW1"}, (400, 20001)),
        ({"WorkflowSid": "WQ" + "0" * 32}, (400, 20001)),
        ({"TaskQueueSid": "Sample Queue"}, (400, 20001)),
        ({"RoutingTarget": "Ada"}, (400, 20001)),
    ],
)
@pytest.mark.parametrize("path", ["/Tasks", "/Workflows"])
async def test_a_wrong_list_is_refused(
    api: Api, path: str, query: dict[str, Value], refusal: tuple[int, int]
) -> None:
    if path != "/Tasks" and not query.keys() & {"PageSize", "Page", "PageToken"}:
        assert (await api("GET", path, query)).status == 200
    else:
        assert (await api("GET", path, query)).refusal == refusal


SID_FILTERS = [
    *[("/Events", name) for name in ("TaskSid", "WorkerSid", "TaskQueueSid", "ReservationSid")],
    *[("/Events", "WorkflowSid"), ("/Events", "Sid"), ("/TaskQueues", "WorkerSid")],
    *[("/Workers", "ActivitySid"), ("/Workers", "TaskQueueSid"), ("/Reservations", "WorkerSid")],
    *[(f"/Workers/{kind}Statistics", "TaskQueueSid") for kind in ("", "Cumulative", "RealTime")],
]


@pytest.mark.parametrize(("path", "name"), SID_FILTERS)
async def test_a_filter_by_what_is_no_sid_of_its_kind_is_refused(
    api: Api, path: str, name: str
) -> None:
    if path == "/Reservations":
        path = f"/Tasks/{(await api.make('/Tasks'))['sid']}/Reservations"
    for wrong in ("x", "ZZ" + "0" * 32, "0" * 34):
        reply = await api("GET", path, {name: wrong})
        assert reply.refusal == (400, 20001)
        assert reply.json["message"].startswith(f"Invalid {name} ")
    assert (await api("GET", path, {name: ""})).status == 200


async def test_page_zero_is_tolerated_and_a_thousand_is_a_page(api: Api) -> None:
    await api.make("/Tasks")
    assert len(await api.listed("/Tasks", Page=0, PageSize=1000)) == 1


async def test_a_page_size_can_be_clamped_instead() -> None:
    async with serving(page_size_over_1000="clamp") as api:
        meta = (await api("GET", "/Tasks", {"PageSize": 5000})).json["meta"]
        assert meta["page_size"] == 1000
        assert "PageSize=1000&" in meta["url"]


async def test_a_token_outlives_a_change_of_its_item_but_not_its_deletion(api: Api) -> None:
    tasks = [await api.make("/Tasks") for _ in range(4)]
    query: dict[str, Value] = {"PageSize": 2, "AssignmentStatus": "pending"}
    url = (await api("GET", "/Tasks", query)).json["meta"]["next_page_url"]
    await api("POST", tasks[1]["url"], {"AssignmentStatus": "canceled"})
    rest = [task["sid"] for task in (await api("GET", url)).json["tasks"]]
    assert rest == [task["sid"] for task in tasks[2:]]
    await api("DELETE", tasks[1]["url"])
    assert (await api("GET", url)).refusal == (400, 21481)


ORDERINGS: dict[str, Callable[[Record], tuple[Any, ...]]] = {
    "DateCreated:asc": lambda task: (task["number"],),
    "DateCreated:desc": lambda task: (-task["number"],),
    "Priority:asc": lambda task: (task["priority"], task["number"]),
    "Priority:desc": lambda task: (-task["priority"], task["number"]),
    "Priority:desc,DateCreated:desc": lambda task: (-task["priority"], -task["number"]),
    "DateCreated:desc,Priority:asc": lambda task: (-task["number"],),
    "VirtualStartTime:asc": lambda task: (task["virtual_start_time"], task["number"]),
    "Priority:DESC, VirtualStartTime:asc": lambda task: (
        -task["priority"],
        task["virtual_start_time"],
        task["number"],
    ),
    "VirtualStartTime:asc,Priority:desc": lambda task: (
        task["virtual_start_time"],
        -task["priority"],
        task["number"],
    ),
}

FILTERS: list[tuple[dict[str, Value], Callable[[Record], bool]]] = [
    ({}, lambda _: True),
    ({"Priority": 5}, lambda task: task["priority"] == 5),
    ({"Priority": 3}, lambda _: False),
    ({"AssignmentStatus": "pending"}, lambda task: task["assignment_status"] == "pending"),
    (
        {"AssignmentStatus": ["reserved", "assigned"]},
        lambda task: task["assignment_status"] in ("reserved", "assigned"),
    ),
    (
        {"AssignmentStatus": "pending,completed", "Priority": 0},
        lambda task: (
            task["assignment_status"] in ("pending", "completed") and task["priority"] == 0
        ),
    ),
    ({"WorkflowName": "Second"}, lambda task: task["workflow_friendly_name"] == "Second"),
    ({"WorkflowName": "Third"}, lambda _: False),
    ({"WorkflowSid": "WW" + "0" * 32}, lambda _: False),
    (
        {"TaskQueueName": "Other", "AssignmentStatus": "pending"},
        lambda task: (
            task["task_queue_friendly_name"] == "Other" and task["assignment_status"] == "pending"
        ),
    ),
    ({"RoutingTarget": "Ada"}, lambda task: task["for_ada"]),
    ({"HasAddons": "true"}, lambda _: False),
    ({"HasAddons": "false"}, lambda _: True),
    (
        {"EvaluateTaskAttributes": "number >= 20 AND number < 45", "Priority": 0},
        lambda task: 20 <= task["number"] < 45 and task["priority"] == 0,
    ),
    (
        {"EvaluateTaskAttributes": "language == 'en'"},
        lambda task: '"language":"en"' in task["attributes"],
    ),
    (
        {"EvaluateTaskAttributes": "language == 1 AND number IN [1,2,3,4,5,6,7,8,9,10,11,12]"},
        lambda task: '"language":1' in task["attributes"] and 1 <= task["number"] <= 12,
    ),
    ({"EvaluateTaskAttributes": "number == 7"}, lambda task: task["number"] == 7),
    ({"EvaluateTaskAttributes": "number IN [9, 3, 77]"}, lambda task: task["number"] in (9, 3)),
    (
        {"EvaluateTaskAttributes": "number IN [9, 3, 4]", "Priority": 0},
        lambda task: task["number"] in (9, 3, 4) and task["priority"] == 0,
    ),
]


async def test_every_filter_in_every_order_lists_what_a_search_finds(api: Api) -> None:
    tasks = await fill(api)
    (ada,) = await api.listed("/Workers", FriendlyName="Ada")
    for names, matches in FILTERS:
        filters = {name: ada["sid"] if text == "Ada" else text for name, text in names.items()}
        for ordering, key in ORDERINGS.items():
            expected = [task["sid"] for task in sorted(filter(matches, tasks), key=key)]
            query: dict[str, Value] = {**filters, "Ordering": ordering, "PageSize": 4}
            found = await pages(api, "/Tasks", query)
            assert [sid for page in found for sid in page] == expected, query
            assert all(len(page) == 4 for page in found[:-1])


async def test_orders_and_indexes_follow_changes(api: Api) -> None:
    tasks = await fill(api, 30)
    queries: list[dict[str, Value]] = [
        {"Ordering": "Priority:desc", "AssignmentStatus": "pending"},
        {"EvaluateTaskAttributes": "key == 'x'"},
        {"EvaluateTaskAttributes": "language == 'en'"},
        {"Priority": 9},
    ]
    for query in queries:
        await pages(api, "/Tasks", query)
    chosen = tasks[3]
    form: Form = {"Priority": 9, "Attributes": '{"key": "x"}'}
    assert (await api("POST", chosen["url"], form)).status == 200
    await api("POST", tasks[4]["url"], {"Attributes": '{"key": "x", "language": ["en"]}'})
    assert await pages(api, "/Tasks", {"Priority": 9}) == [[chosen["sid"]]]
    expression: Form = {"EvaluateTaskAttributes": "key == 'x'"}
    assert await pages(api, "/Tasks", expression) == [[chosen["sid"], tasks[4]["sid"]]]
    await api("POST", chosen["url"], {"Attributes": '{"key": null}'})
    assert await pages(api, "/Tasks", expression) == [[tasks[4]["sid"]]]
    await api("DELETE", tasks[4]["url"])
    assert await pages(api, "/Tasks", expression) == [[]]
    await api("DELETE", chosen["url"])
    assert await pages(api, "/Tasks", {"Priority": 9}) == [[]]
    await api("POST", tasks[5]["url"], {"Attributes": '{"key": "x"}', "Reason": "again"})
    assert await pages(api, "/Tasks", expression) == [[tasks[5]["sid"]]]
    assert chosen["sid"] not in [sid for page in await pages(api, "/Tasks", {}) for sid in page]


async def test_lists_stay_right_through_any_sequence_of_changes(api: Api) -> None:
    chance = random.Random(3)
    model: dict[str, Record] = {}
    languages = ["en", "fr", 1, True, None, ["en"]]
    for step in range(300):
        form: dict[str, Value] = {
            "Priority": chance.randint(0, 3),
            "Attributes": msgspec.json.encode(
                {"language": chance.choice(languages), "key": f"k{chance.randint(0, 9)}"}
            ).decode(),
        }
        sid = chance.choice(list(model)) if model and chance.random() < 0.7 else None
        if sid is None:
            task = await api.make("/Tasks", **form)
            model[task["sid"]] = task | {"number": step}
        elif chance.random() < 0.3:
            assert (await api("DELETE", f"/Tasks/{sid}")).status == 204
            del model[sid]
        else:
            model[sid] |= (await api("POST", f"/Tasks/{sid}", form)).json
        if step % 10:
            continue
        for filters, matches in SHIFTING:
            for size in (1, 1000):
                expected = [sid for sid, task in model.items() if matches(task)]
                found = await pages(api, "/Tasks", {**filters, "PageSize": size})
                assert [sid for page in found for sid in page] == expected, (step, filters)


SHIFTING: list[tuple[dict[str, Value], Callable[[Record], bool]]] = [
    ({"Priority": 2}, lambda task: task["priority"] == 2),
    (
        {"EvaluateTaskAttributes": "language == 'en'"},
        lambda task: '"language":"en"' in task["attributes"],
    ),
    (
        {"EvaluateTaskAttributes": "language == 1 AND key IN ['k1', 'k2', 'k3']", "Priority": 1},
        lambda task: (
            '"language":1' in task["attributes"]
            and any(f'"key":"k{number}"' in task["attributes"] for number in (1, 2, 3))
            and task["priority"] == 1
        ),
    ),
]


async def test_a_hundred_keys_are_found_in_one_page(api: Api) -> None:
    created = [
        (await api.make("/Tasks", Attributes=f'{{"key": "{number:032x}"}}'))["sid"]
        for number in range(150)
    ]
    keys = ",".join(f'"{number:032x}"' for number in range(20, 120))
    (found,) = await pages(
        api, "/Tasks", {"EvaluateTaskAttributes": f"key IN [{keys}]", "PageSize": 1000}
    )
    assert found == created[20:120]


async def test_more_attributes_than_are_indexed_are_found_too(api: Api) -> None:
    names = [f"name_{number}" for number in range(20)]
    attributes = msgspec.json.encode(dict.fromkeys(names, 1)).decode()
    sid = (await api.make("/Tasks", Attributes=attributes))["sid"]
    for name in names:
        assert await pages(api, "/Tasks", {"EvaluateTaskAttributes": f"{name} == 1"}) == [[sid]]


async def test_sid_and_name_filters_must_both_hold(api: Api) -> None:
    await fill(api, 10)
    first, second = await api.listed("/Workflows")
    both = {"WorkflowSid": first["sid"], "WorkflowName": second["friendly_name"]}
    assert await pages(api, "/Tasks", both) == [[]]
    same = {"WorkflowSid": second["sid"], "WorkflowName": second["friendly_name"]}
    assert await pages(api, "/Tasks", same) == await pages(
        api, "/Tasks", {"WorkflowSid": second["sid"]}
    )


@pytest.mark.parametrize("path", ["/Activities", "/TaskChannels"])
async def test_small_collections_have_pages_too(api: Api, path: str) -> None:
    (whole,) = await pages(api, path, {})
    assert [sid for page in await pages(api, path, {"PageSize": 2}) for sid in page] == whole
    first = await api("GET", path, {"PageSize": 2})
    second = await api("GET", first.json["meta"]["next_page_url"])
    back = await api("GET", second.json["meta"]["previous_page_url"])
    assert back.json[back.json["meta"]["key"]] == first.json[first.json["meta"]["key"]]


async def test_a_query_that_is_not_utf_8_is_refused(api: Api) -> None:
    assert (await api("GET", "/Tasks?WorkflowName=%ff")).refusal == (400, 20001)
    assert (await api("GET", "/Tasks?" + "&".join(["a=1"] * 1001))).refusal == (400, 20001)
    assert quote("%") in (await api("GET", "/Tasks?WorkflowName=%25")).json["meta"]["url"]
