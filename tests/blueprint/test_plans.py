"""Plans: what differs by its meaning, in words, and what will never work."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from aiotask import Client
from aiotask.blueprint import BlueprintError, Change, apply, diff, plan
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import DefaultFilter, WorkflowConfiguration, WorkspaceContext
from tests.blueprint.documents import SUPPORT, empty, filled, writes


def changed(kind: str, name: str, change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    document = deepcopy(SUPPORT)
    (row,) = [row for row in document[kind] if row["friendly_name"] == name]
    change(row)
    return document


def main(change: Callable[[list[dict[str, Any]]], Any]) -> dict[str, Any]:
    def change_filters(row: dict[str, Any]) -> None:
        change(row["configuration"]["task_routing"]["filters"])

    return changed("workflows", "Main", change_filters)


def queue(**fields: Any) -> dict[str, Any]:
    return changed("task_queues", "Spanish", lambda row: row.update(fields))


SPELLINGS = {
    "numbers as text": main(lambda filters: filters[0]["targets"][0].update(timeout=20)),
    "empty texts": main(lambda filters: filters[1]["targets"][0].update(skip_if="")),
    "null": main(lambda filters: filters[1]["targets"][0].update(priority=None)),
    "inherited queue": main(lambda filters: filters[0]["targets"][1].pop("queue")),
    "own queue": main(lambda filters: filters[0]["targets"][2].update(queue="Everyone")),
    "white space": main(lambda filters: filters[1].update(expression='  language == "es"\n')),
    "quotes": main(lambda filters: filters[1].update(expression="language=='es'")),
    "keywords": main(
        lambda filters: filters[0].update(expression="agent != NULL and 2nd_line.team.7up == 'x'")
    ),
    "order": main(
        lambda filters: filters[1]["targets"][0].update(
            order_by="worker.routing.levels.988ENsk desc,worker.x asc"
        )
    ),
    "no filters": changed(
        "workflows", "Parking", lambda row: row["configuration"]["task_routing"].pop("filters")
    ),
    "typed": changed(
        "workflows",
        "Parking",
        lambda row: row.update(
            configuration={"task_routing": {"default_filter": {"queue": "Parked"}}}
        ),
    ),
    "expression of a queue": queue(
        target_workers='languages has "es"  and routing.levels.988ENsk>=2'
    ),
    "an activity, which is a state": changed(
        "workers", "Ana", lambda row: row.update(activity_sid="Offline")
    ),
    "in a whole workspace": {"Any name": SUPPORT},
}


@pytest.mark.parametrize("name", SPELLINGS)
async def test_another_way_to_write_the_same_is_no_change(
    sandbox: Sandbox, client: Client, name: str
) -> None:
    assert [each async for each in apply(filled(sandbox, client), SPELLINGS[name])] == []
    assert writes(sandbox) == 0


def moved(filters: list[dict[str, Any]]) -> None:
    filters.reverse()


PLACE = "configuration.task_routing.filters"
DIFFERENT: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a timeout": (
        main(lambda filters: filters[0]["targets"][0].update(timeout=21)),
        [f"update workflow Main: {PLACE}[Known agent].targets[0].timeout: 20 -> 21"],
    ),
    "a queue": (
        main(lambda filters: filters[1]["targets"][2].update(queue="Parked")),
        [f"update workflow Main: {PLACE}[Spanish].targets[2].queue: Everyone -> Parked"],
    ),
    "the order": (
        main(moved),
        [
            (
                f"update workflow Main: {PLACE} (order): "
                '["Known agent","Spanish"] -> ["Spanish","Known agent"]'
            )
        ],
    ),
    "a filter less": (
        main(lambda filters: filters.pop(0)),
        [f'update workflow Main: {PLACE}[Known agent]: {{"filter_friendly_name":"Known agent",'],
    ),
    "quoted text": (
        main(lambda filters: filters[1].update(expression='language=="e s"')),
        [
            (
                f"update workflow Main: {PLACE}[Spanish].expression: "
                'language == "es" -> language == "e s"'
            )
        ],
    ),
    "a filter without a name": (
        main(lambda filters: filters[1].pop("filter_friendly_name")),
        [f"update workflow Main: {PLACE}[1].filter_friendly_name: Spanish -> (none)"],
    ),
    "several fields": (
        queue(max_reserved_workers=1, task_order="LIFO", target_workers="1==2"),
        [
            (
                "update task_queue Spanish: target_workers: languages HAS 'es' AND "
                "routing.levels.988ENsk >= 2 -> 1==2; max_reserved_workers: 5 -> 1; "
                "task_order: FIFO -> LIFO"
            )
        ],
    ),
    "attributes": (
        changed("workers", "Bob", lambda row: row["attributes"].update(level=True, more=[1])),
        ["update worker Bob: attributes.level: 2 -> true; attributes.more: (none) -> [1]"],
    ),
    "a capacity": (
        changed("workers", "Ana", lambda row: row["channels"].update(sms=9)),
        ["update worker Ana: channels.sms: 1 -> 9"],
    ),
    "something new": (
        {"activities": [{"friendly_name": "New", "available": True}]},
        ["create activity New: available: true"],
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
async def test_a_difference_is_told_in_words(sandbox: Sandbox, client: Client, name: str) -> None:
    document, lines = DIFFERENT[name]
    found = [change async for change in apply(filled(sandbox, client), document)]
    assert len(found) == len(lines)
    assert all(str(change).startswith(line) for change, line in zip(found, lines, strict=True)), (
        list(map(str, found))
    )


async def test_a_typed_configuration_is_one_too(sandbox: Sandbox, client: Client) -> None:
    workspace = filled(sandbox, client)
    (parked,) = await workspace.task_queues.list(friendly_name="Parked").all()
    typed = WorkflowConfiguration(default_filter=DefaultFilter(queue=parked.sid))
    rows = [{"friendly_name": "Parking", "configuration": typed}]
    # A sid of the workspace itself is read as its name.
    assert await plan(workspace, {"workflows": rows}) == []


async def test_a_sid_of_an_activity_is_read_as_its_name(sandbox: Sandbox, client: Client) -> None:
    workspace = filled(sandbox, client)
    (wrap_up,) = await workspace.activities.list(friendly_name="Wrap-up").all()
    assert await plan(workspace, queue(reservation_activity_sid=wrap_up.sid)) == []
    (other,) = await workspace.task_queues.list(friendly_name="Parked").all()
    with pytest.raises(BlueprintError, match=f"there is no activity '{other.sid}'"):
        await plan(workspace, queue(reservation_activity_sid=other.sid))


async def test_changes_come_in_the_order_that_works(sandbox: Sandbox, client: Client) -> None:
    found = await plan(empty(sandbox, client), dict(reversed(SUPPORT.items())))
    assert [*dict.fromkeys(change.kind for change in found)] == [
        "activity",
        "task_channel",
        "worker",
        "task_queue",
        "workflow",
    ]


async def test_what_the_service_cannot_change_is_refused(sandbox: Sandbox, client: Client) -> None:
    document = {"activities": [{"friendly_name": "Available", "available": False}]}
    with pytest.raises(BlueprintError, match="'Available': available: is True there, and cannot"):
        await plan(empty(sandbox, client), document)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"workflows": [{"friendly_name": "New"}]}, "workflows 'New': is not there, and lacks con"),
        ({"task_channels": [{"unique_name": "x"}]}, "'x': is not there, and lacks friendly_name"),
        (
            {"task_queues": [{"friendly_name": "Q", "reservation_activity_sid": "Nap"}]},
            "task_queues 'Q': there is no activity 'Nap'",
        ),
        (
            {"task_queues": [{"friendly_name": "Q", "target_workers": "{activity:Nap}"}]},
            "task_queues 'Q': there is no activity 'Nap'",
        ),
        (
            {"task_queues": [{"friendly_name": "Q", "target_workers": "x=='{task_queue:Q}'"}]},
            "task_queues 'Q': target_workers: cannot refer to a task_queue",
        ),
        (
            {"workers": [{"friendly_name": "W", "channels": {"pigeon": 1}}]},
            "workers 'W': there is no task_channel 'pigeon'",
        ),
        (
            {
                "workflows": [
                    {
                        "friendly_name": "W",
                        "configuration": {"task_routing": {"default_filter": {"queue": "Gone"}}},
                    }
                ]
            },
            "workflows 'W': there is no task_queue 'Gone'",
        ),
    ],
)
async def test_a_document_that_does_not_fit_is_refused(
    sandbox: Sandbox, client: Client, document: dict[str, Any], message: str
) -> None:
    with pytest.raises(BlueprintError) as caught:
        await plan(empty(sandbox, client), document)
    assert message in str(caught.value)
    assert writes(sandbox) == 0


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "must be a mapping, not list"),
        ({"queues": []}, "there is no queues; there are activities, task_channels, workers,"),
        ({"A": {}, "B": {}}, "must be one workspace, not several: 'A', 'B'"),
        ({"activities": None}, "activities: must be a list, not NoneType"),
        ({"activities": ["x"]}, "activities[0]: must be a mapping, not str"),
        ({"activities": [{"friendly_name": True}]}, "activities[0].friendly_name: must be a text"),
        ({"activities": [{"available": True}]}, "activities[0].friendly_name: must be a text, not"),
        (
            {"workers": [{"friendly_name": "Ana"}, {"friendly_name": "ANA"}]},
            "workers[1]: the worker 'ANA' is there twice",
        ),
        (
            {"workers": [{"friendly_name": "Ana", "sid": "WK1"}]},
            "workers 'Ana': there is no sid; there are activity_sid, attributes, channels,",
        ),
        (
            {"workers": [{"friendly_name": "Ana", "channels": {"voice": True}}]},
            "workers 'Ana': channels: voice: must be a capacity, not True",
        ),
        (
            {"workers": [{"friendly_name": "Ana", "channels": []}]},
            "workers 'Ana': channels: must map unique names to capacities",
        ),
        (
            {"workers": [{"friendly_name": "Ana", "activity_sid": False}]},
            "workers 'Ana': activity_sid: must be a name",
        ),
        (
            {"workers": [{"friendly_name": "Ana", "attributes": {"a": [0, float("nan")]}}]},
            "workers 'Ana': attributes.a[1]: must be a finite number, not nan",
        ),
        (
            {"task_queues": [{"friendly_name": "Q", "max_reserved_workers": 51}]},
            "task_queues 'Q': max_reserved_workers: must be 1 to 50, not 51",
        ),
        (
            {"workflows": [{"friendly_name": "W", "configuration": "{}"}]},
            "workflows 'W': configuration: must be a mapping",
        ),
    ],
)
async def test_a_wrong_document_is_refused_before_anything_is_sent(
    sandbox: Sandbox, workspace: WorkspaceContext, document: Any, message: str
) -> None:
    with pytest.raises(BlueprintError) as caught:
        await plan(workspace, document)
    assert str(caught.value).startswith(message)
    assert sandbox.requests.total() == 0


async def test_a_name_that_is_there_twice_is_refused_where_it_is_meant(
    sandbox: Sandbox, client: Client
) -> None:
    workspace = empty(sandbox, client)
    for _ in range(2):
        await workspace.activities.create(friendly_name="Same")
    uses: list[dict[str, Any]] = [
        {"activities": [{"friendly_name": "Same"}]},
        {"task_queues": [{"friendly_name": "Q", "assignment_activity_sid": "Same"}]},
    ]
    for document in uses:
        with pytest.raises(BlueprintError, match=r"the activity 'Same' is there twice: WA.*, WA"):
            await plan(workspace, document)


async def test_warnings_tell_what_will_never_work(sandbox: Sandbox, client: Client) -> None:
    workspace = filled(sandbox, client)
    document = main(lambda filters: filters[1]["targets"][1].pop("skip_if"))
    document["task_queues"] += [
        {"friendly_name": "Unused"},
        {"friendly_name": "Empty", "target_workers": ""},
        {"friendly_name": "Wrong", "target_workers": "a ="},
        {"friendly_name": "New", "target_workers": "activity_sid == '{activity:Fresh}'"},
    ]
    document["activities"].append({"friendly_name": "Fresh"})
    targets = [
        {"queue": "Everyone", "expression": "worker.level > 2 OR worker.name == 'worker.x'"},
        {"queue": "Everyone", "expression": "worker.languages[0] =='es' and worker.n != -1"},
        {"queue": "Everyone", "expression": "worker.level IN[2] and 1==1 Or worker.x==True"},
        {"queue": "Spanish", "expression": "worker.level>=task.level or 'worker.x'=='task.x'"},
    ]
    targets += [{"queue": name} for name in ("Empty", "Wrong", "New")]
    rule = {"expression": "1==1", "targets": [{**each, "timeout": 1} for each in targets]}
    document["workflows"][1]["configuration"]["task_routing"]["filters"] = [rule]
    document["tasks"] = []
    assert (await plan(workspace, document)).warnings == [
        "tasks: is for a sandbox, and left alone",
        "task_queue 'Unused': no workflow leads to it",
        "workflow 'Main': filters[1].targets[1] never times out, so no target after it is reached",
        "task_queue 'Parked': target_workers matches no worker that there is",
        "task_queue 'Empty': target_workers matches no worker, as it is empty",
        (
            "task_queue 'Wrong': target_workers is not accepted: Invalid TargetWorkers"
            "Expression: expected a value, not '', at character 3"
        ),
        "workflow 'Parking': filters[0].targets[0].expression matches no worker that there is",
    ]


async def test_workers_that_come_with_the_plan_may_match(sandbox: Sandbox, client: Client) -> None:
    workspace = empty(sandbox, client)
    without = {many: rows for many, rows in SUPPORT.items() if many != "workers"}
    assert (await plan(workspace, SUPPORT)).warnings == []
    assert (await plan(workspace, without)).warnings == ["there are no workers"]
    # A workflow that stays may lead to the queue, and one that is pruned does not.
    full = filled(sandbox, client)
    row = {"task_queues": [{"friendly_name": "Spanish"}]}
    assert (await plan(full, row)).warnings == []
    queues = {"task_queues": SUPPORT["task_queues"], "workflows": []}
    assert (await plan(full, queues, prune=True)).warnings[:1] == [
        "task_queue 'Everyone': no workflow leads to it"
    ]


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"task_routing": 1},
        {"task_routing": {"filters": 1}},
        {"task_routing": {"filters": [1, {"targets": 1}, {"targets": [1]}]}},
        {"task_routing": {"filters": [{"targets": [{"queue": ["x"], "expression": 1}]}]}},
    ],
)
async def test_a_configuration_of_another_shape_is_the_services_to_refuse(
    sandbox: Sandbox, client: Client, configuration: dict[str, Any]
) -> None:
    document = {"workflows": [{"friendly_name": "Parking", "configuration": configuration}]}
    assert len(await plan(filled(sandbox, client), document)) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a IN['x']", 'a in [ "x" ]', True),
        ("a IN[1]", "a in [1]", True),
        ("a.in[1] == TRUE", "a.in[1]==true", True),
        ("(a==1)AND(b!=-1)", "( a == 1 ) and ( b != -1 )", True),
        ("a == 'AND'", "a == 'and'", False),
        ("a == 'x  y'", "a == 'x y'", False),
        ("order == 1", "ORder == 1", False),
        ("desc == 1", "DESC == 1", False),
        ("""a == 'say "x"'""", """a == "say 'x'\"""", False),
        ("x == {activity:a  b}", "x == {activity:a b}", False),
        ("ab", "a b", False),
    ],
)
def test_expressions_have_one_meaning_or_two(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    documents = [
        {"task_queues": [{"friendly_name": "Q", "target_workers": text}]} for text in (one, other)
    ]
    assert (diff(*documents) == []) is same


async def test_true_is_not_one(sandbox: Sandbox, client: Client) -> None:
    workspace = filled(sandbox, client, {"workers": [{"friendly_name": "A", "attributes": {}}]})
    for value in (1, True, [1], [True], {"x": [0]}, {"x": [False]}):
        document = {"workers": [{"friendly_name": "A", "attributes": {"a": value}}]}
        assert len([change async for change in apply(workspace, document)]) == 1
        assert [change async for change in apply(workspace, document)] == []


def test_two_documents_differ_in_what_both_speak_of() -> None:
    assert diff(SUPPORT, {"Other": SUPPORT}) == []
    assert diff(SUPPORT, {"workers": SUPPORT["workers"]}) == []
    assert diff({"task_queues": [{"friendly_name": "Q"}]}, {"task_queues": []}) == [
        Change(kind="task_queue", name="Q", action="delete")
    ]
    default = {"friendly_name": "Default", "unique_name": "default"}
    assert [each.action for each in diff({"task_channels": [default]}, {"task_channels": []})] == [
        "delete"
    ]
    explicit = {"friendly_name": "Q", "target_workers": "1 == 1", "task_order": "FIFO"}
    assert diff({"task_queues": [explicit]}, {"task_queues": [{"friendly_name": "Q"}]}) == []
    assert [each.action for each in diff({"workers": []}, {"workers": SUPPORT["workers"]})] == [
        "create",
        "create",
    ]
    (change,) = diff(
        {"task_queues": [{"friendly_name": "Q", "assignment_activity_sid": "A"}]},
        {"task_queues": [{"friendly_name": "Q"}]},
    )
    assert str(change) == "update task_queue Q: assignment_activity_sid: A -> (none)"
    ana = {"friendly_name": "Ana", "activity_sid": "Available", "channels": {"voice": 1, "sms": 2}}
    for channels, fields in (
        ({}, {}),
        ({"channels": {"voice": 3, "chat": 5}}, {"channels.voice": (1, 3)}),
        ({"channels": {"chat": 5}}, {}),
    ):
        other = {"workers": [{"friendly_name": "Ana", **channels}]}
        assert [each.fields for each in diff({"workers": [ana]}, other)] == [fields] * bool(fields)
    (change,) = diff(
        {"activities": [{"friendly_name": "A", "available": True}]},
        {"activities": [{"friendly_name": "A"}]},
    )
    assert str(change) == "update activity A: available: true -> false"
