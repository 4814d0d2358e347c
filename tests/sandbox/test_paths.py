"""Dispatch of paths, and the kinds of counted requests."""

import random
from collections.abc import AsyncIterator

import pytest

from aiotask.sandbox.api.dispatch import kind_of
from tests.sandbox.sandbox_api import Api, serving

WORKSPACE = "/v1/Workspaces/WS1"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as api:
        yield api


async def test_the_links_of_every_resource_lead_somewhere(api: Api) -> None:
    worker = api.sandbox.create_worker(api.workspace, "Ada")
    offline = (await api.listed("/Activities"))[0]
    await api.make("/TaskQueues", FriendlyName="Q", ReservationActivitySid=offline["sid"])
    task = await api.make("/Tasks")
    api.sandbox.reserve(task["sid"], worker)
    lists = [
        "/Activities",
        "/Events",
        "/TaskChannels",
        "/TaskQueues",
        "/Tasks",
        "/Workers",
        "/Workflows",
        f"/Tasks/{task['sid']}/Reservations",
        f"/Workers/{worker}/Channels",
        f"/Workers/{worker}/Reservations",
    ]
    resources = [(await api("GET")).json]
    for path in lists:
        found = await api.listed(path)
        assert found
        resources += found
    links = {
        (name, url)
        for resource in resources
        for name, url in {**resource.get("links", {}), "url": resource["url"]}.items()
        if url is not None
    }
    links |= {("resource_url", item["resource_url"]) for item in resources if "event_type" in item}
    assert len(links) > 70
    for name, url in sorted(links):
        if name == "bulk_real_time_statistics":
            assert (await api("POST", url)).refusal == (400, 20001)  # which queues?
        else:
            assert (await api("GET", url)).status == 200, url


@pytest.mark.parametrize(
    "path",
    [
        "/Statistics/",
        "/Statistics/WS1",
        "/Workers/Statistics/x",
        "/Workers/WorkersStatistics",
        "/Workers/WK1/RealTimeStatistics",
        "/Workers/WK1/Channels/voice",
        "/TaskQueues/CumulativeStatistics",
        "/TaskQueues/WQ1/Statistics",
        "/Workflows/WW1/Statistics",
        "/Workflows/Statistics",
        "/Tasks/Statistics",
        "/Tasks/WT1/Reservations/WR1",
        "/Activities/Statistics",
        "/Activities/WA1/Statistics",
        "/Events/EV1/x",
        "/Workers//Channels",
        "/Workers/",
    ],
)
async def test_what_is_nowhere_is_not_found(api: Api, path: str) -> None:
    assert (await api("GET", path)).refusal == (404, 20404)


async def test_names_below_what_exists_are_not_found(api: Api) -> None:
    worker = api.sandbox.create_worker(api.workspace, "Ada")
    (queue,) = await api.listed("/TaskQueues")
    (workflow,) = await api.listed("/Workflows")
    for url in (queue["url"], workflow["url"], api.url(f"/Workers/{worker}")):
        for name in ("Nothing", "statistics", "Statistics/x", ""):
            assert (await api("GET", f"{url}/{name}")).refusal == (404, 20404)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/Workspaces", "Workspaces"),
        (WORKSPACE, "Workspaces/{Sid}"),
        (f"{WORKSPACE}/Tasks", "Tasks"),
        (f"{WORKSPACE}/Tasks/WT1", "Tasks/{Sid}"),
        (f"{WORKSPACE}/Tasks/WT1/Reservations", "Reservations"),
        (f"{WORKSPACE}/Workers/WK1/Reservations/WR1", "Reservations/{Sid}"),
        (f"{WORKSPACE}/Workers/WK1/Channels/voice", "Channels/{Sid}"),
        (f"{WORKSPACE}/Statistics", "Workspaces/{Sid}/Statistics"),
        (f"{WORKSPACE}/Workers/Statistics", "Workers/Statistics"),
        (f"{WORKSPACE}/Workers/WK1/Statistics", "Workers/{Sid}/Statistics"),
        (f"{WORKSPACE}/TaskQueues/RealTimeStatistics", "TaskQueues/RealTimeStatistics"),
        (
            f"{WORKSPACE}/TaskQueues/WQ1/CumulativeStatistics",
            "TaskQueues/{Sid}/CumulativeStatistics",
        ),
    ],
)
def test_a_request_is_counted_by_what_it_is_about(path: str, kind: str) -> None:
    assert kind_of("GET", path) == f"GET {kind}"


@pytest.mark.parametrize("path", ["", "/", "*", "Statistics", "/Statistics", "//"])
def test_any_path_can_be_counted(path: str) -> None:
    assert kind_of("GET", path).startswith("GET ")


NAMES = [
    "ActivityName",
    "ActivitySid",
    "AssignmentActivitySid",
    "AssignmentStatus",
    "Attributes",
    "Available",
    "Beep",
    "CallTimeout",
    "Capacity",
    "ChannelOptimizedRouting",
    "Configuration",
    "DefaultActivitySid",
    "EndDate",
    "EvaluateTaskAttributes",
    "EvaluateWorkerAttributes",
    "EventType",
    "FriendlyName",
    "HasAddons",
    "IgnoreCapacity",
    "Instruction",
    "MaxReservedWorkers",
    "Minutes",
    "Ordering",
    "Page",
    "PageSize",
    "PageToken",
    "PostWorkActivitySid",
    "Priority",
    "RedirectCallSid",
    "RejectPendingReservations",
    "ReservationSid",
    "ReservationStatus",
    "RoutingTarget",
    "Sid",
    "SplitByWaitTime",
    "StartDate",
    "StatusCallbackEvent",
    "TargetWorkers",
    "TargetWorkersExpression",
    "TaskChannel",
    "TaskOrder",
    "TaskQueueName",
    "TaskQueueSid",
    "TaskReservationTimeout",
    "TaskSid",
    "Template",
    "Timeout",
    "TimeoutActivitySid",
    "UniqueName",
    "VirtualStartTime",
    "WorkerActivitySid",
    "WorkerSid",
    "WorkflowName",
    "WorkflowSid",
]
JUNK = [
    "",
    " ",
    "\0",
    "-1",
    "0",
    "1e999",
    "9" * 30,
    "\u0663",
    "\U0001f600",
    "null",
    "[]",
    "{}",
    "a ==",
    "true",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "WK" + "0" * 32,
    "PA",
    "x" * 3000,
]


@pytest.mark.parametrize("seed", range(5))
async def test_nothing_that_is_sent_breaks_the_service(api: Api, seed: int) -> None:
    chance = random.Random(seed)
    worker = api.sandbox.create_worker(api.workspace, "Ada")
    task = await api.make("/Tasks")
    reservation = api.sandbox.reserve(task["sid"], worker)
    (queue,) = await api.listed("/TaskQueues")
    (workflow,) = await api.listed("/Workflows")
    event = (await api.listed("/Events"))[0]
    paths = ["", "/Activities", "/Events", "/TaskChannels", "/TaskQueues", "/Tasks", "/Workers"]
    paths += ["/Workflows", "/TaskChannels/voice", "/v1/Workspaces", f"/Workers/{worker}"]
    paths += [f"{queue['url']}", workflow["url"], event["url"], task["url"]]
    paths += [f"/Workers/{worker}/Channels", f"/Workers/{worker}/Channels/voice"]
    paths += [f"/Workers/{worker}/Reservations/{reservation}", f"{task['url']}/Reservations"]
    for holder in ("", "/Workers", "/TaskQueues", queue["url"], workflow["url"]):
        paths += [f"{holder}/{name}Statistics" for name in ("", "RealTime", "Cumulative")]
    for path in paths:
        for _ in range(8):
            form = {name: chance.choice(JUNK) for name in chance.sample(NAMES, 6)}
            for method in ("GET", "POST"):
                reply = await api(method, path, form)
                assert reply.status < 500, (method, path, form)
                assert reply.json
