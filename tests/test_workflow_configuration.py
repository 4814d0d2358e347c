"""A workflow's configuration: built, checked, sent, and read back with nothing lost."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.taskrouter import (
    DefaultFilter,
    FilterTarget,
    RoutingFilter,
    WorkflowConfiguration,
    WorkspaceContext,
)

QUEUE = "WQ" + "a" * 32


async def test_a_configuration_is_built_sent_and_read_back(workspace: WorkspaceContext) -> None:
    (fifo,) = await workspace.workflows.list().all()
    queue = WorkflowConfiguration.from_document(fifo.configuration).default_filter
    assert queue is not None
    configuration = WorkflowConfiguration(
        filters=[
            RoutingFilter(
                filter_friendly_name="Spanish",
                expression='language == "es"',
                targets=[
                    FilterTarget(queue=queue.queue, priority=5, timeout=30, skip_if="1==1"),
                    FilterTarget(expression="worker.level > 3", order_by="worker.level DESC"),
                    FilterTarget(known_worker_sid="task.agent_sid"),
                ],
            )
        ],
        default_filter=queue,
    )
    made = await workspace.workflows.create(friendly_name="x", configuration=configuration)
    assert made.configuration == configuration.to_document()
    assert WorkflowConfiguration.from_document(made.configuration) == configuration
    task = await workspace.tasks.create(workflow_sid=made.sid, attributes={"language": "es"})
    assert task.priority == 5
    only = attrs.evolve(configuration, filters=[])
    changed = await workspace.workflows.update(made.sid, configuration=only)
    assert changed.configuration == {"task_routing": {"default_filter": {"queue": queue.queue}}}


OLD: dict[str, Any] = {
    "task_routing": {
        "filters": [
            {
                "friendly_name": "Gold",
                "expression": "level > 5",
                "targets": [
                    {"queue": QUEUE, "timeout": "10", "priority": "1", "known_worker_sid": None},
                    {"x-note": ["kept"], "skip_if": ""},
                ],
                "x-filter": {"a": 1},
            }
        ],
        "default_filter": {"queue": QUEUE, "x-default": 2},
        "x-routing": None,
    },
    "x-document": True,
}


def test_what_the_classes_do_not_know_survives_the_round_trip() -> None:
    configuration = WorkflowConfiguration.from_document(OLD)
    (rule,) = configuration.filters
    assert (rule.others, rule.filter_friendly_name) == (
        {"friendly_name": "Gold", "x-filter": {"a": 1}},
        None,
    )
    assert (rule.targets[0].timeout, rule.targets[0].priority) == (10, 1)
    document = configuration.to_document()
    target = OLD["task_routing"]["filters"][0]["targets"][0]
    written = document["task_routing"]["filters"][0]["targets"][0]
    assert written == {"queue": target["queue"], "timeout": 10, "priority": 1}
    assert document["task_routing"]["filters"][0]["targets"][1] == {
        "x-note": ["kept"],
        "skip_if": "",
    }
    assert document["task_routing"]["default_filter"] == {"queue": QUEUE, "x-default": 2}
    assert (document["x-document"], document["task_routing"]["x-routing"]) == (True, None)
    assert WorkflowConfiguration.from_document(document) == configuration


DEFAULT = {"queue": QUEUE}


@pytest.mark.parametrize(
    "routing",
    [
        {"filters": []},
        {"filters": [], "default_filter": DEFAULT},
        {"default_filter": DEFAULT},
        {"filters": [], "x-routing": 1},
    ],
)
def test_empty_filters_are_kept_where_they_are(routing: dict[str, Any]) -> None:
    document = {"task_routing": routing}
    configuration = WorkflowConfiguration.from_document(document)
    assert configuration.to_document() == document
    assert WorkflowConfiguration.from_document(configuration.to_document()) == configuration
    rule = RoutingFilter(expression="1==1", targets=[FilterTarget(queue=QUEUE)])
    filled = attrs.evolve(configuration, filters=[rule]).to_document()
    assert len(filled["task_routing"]["filters"]) == 1


async def test_empty_filters_are_sent_and_read_back(workspace: WorkspaceContext) -> None:
    document: dict[str, Any] = {"task_routing": {"filters": []}}
    made = await workspace.workflows.create(friendly_name="x", configuration=document)
    assert made.configuration == document
    read = WorkflowConfiguration.from_document(
        (await workspace.workflows.fetch(made.sid)).configuration
    )
    changed = await workspace.workflows.update(made.sid, configuration=read)
    assert changed.configuration == document
    built = WorkflowConfiguration(filters=[])
    assert (await workspace.workflows.update(made.sid, configuration=built)) == changed


def test_a_document_may_come_as_text() -> None:
    text = f'{{"task_routing": {{"default_filter": {{"queue": "{QUEUE}"}}}}}}'
    configuration = WorkflowConfiguration.from_document(text)
    assert configuration == WorkflowConfiguration(default_filter=DefaultFilter(queue=QUEUE))


def filtered(**target: Any) -> dict[str, Any]:
    rule = {"expression": "1==1", "targets": [{"queue": QUEUE}, target]}
    return {"task_routing": {"filters": [rule]}}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("[", "data was truncated"),
        ([], "it: must be an object"),
        ({}, "task_routing: must be an object, not None"),
        ({"task_routing": {}}, "a configuration needs filters, or a default_filter"),
        ({"task_routing": {"filters": {}}}, "filters: must be a list, not {}"),
        ({"task_routing": {"filters": [1]}}, r"filters\[0\]: must be an object, not 1"),
        (
            {"task_routing": {"filters": [{"targets": [{"queue": QUEUE}]}]}},
            r"filters\[0\]: expression: is missing",
        ),
        (
            {"task_routing": {"filters": [{"expression": "a"}]}},
            r"filters\[0\]: targets: must not be empty",
        ),
        (
            {"task_routing": {"filters": [{"expression": " ", "targets": [{"queue": QUEUE}]}]}},
            r"filters\[0\]: expression: must be a text that is not empty",
        ),
        (
            {"task_routing": {"filters": [{"expression": "a", "targets": [{}]}]}},
            r"filters\[0\]: targets\[0\]: must have a queue, because it has no predecessor",
        ),
        (
            {"task_routing": {"filters": [{"expression": "a", "targets": [1]}]}},
            r"filters\[0\].targets\[0\]: must be an object",
        ),
        ({"task_routing": {"default_filter": {}}}, "default_filter: queue: is missing"),
        (
            {"task_routing": {"default_filter": {"queue": "WT" + "a" * 32}}},
            "default_filter: queue: must be a sid: WQ",
        ),
        (filtered(timeout=0), r"targets\[1\]: timeout: must be 1 to 2147483647, not 0"),
        (filtered(timeout="soon"), r"targets\[1\]: timeout: must be an int, not 'soon'"),
        (filtered(priority=True), r"targets\[1\]: priority: must be an int, not True"),
        (filtered(priority=-1), r"targets\[1\]: priority: must be 0 to 2147483647, not -1"),
        (filtered(skip_if=1), r"targets\[1\]: skip_if: must be a text, not 1"),
        (
            filtered(known_worker_sid="a", known_worker_friendly_name="b"),
            r"targets\[1\]: known_worker_sid and known_worker_friendly_name exclude each other",
        ),
    ],
)
def test_what_is_wrong_in_a_document_is_named_with_its_place(document: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        WorkflowConfiguration.from_document(document)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"filters": [{"expression": "a"}]}, r"filters: \[0\]: must be a RoutingFilter"),
        ({"filters": "all"}, "filters: must be a list, not 'all'"),
        ({"default_filter": {"queue": QUEUE}}, "default_filter: must be a DefaultFilter"),
    ],
)
def test_parts_of_another_kind_are_refused(parts: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        WorkflowConfiguration(**parts)


TEXTS = st.text(min_size=1).filter(str.strip)
OTHERS = st.dictionaries(st.text().map("x-{}".format), st.integers(), max_size=3)
TARGETS = st.builds(
    FilterTarget,
    queue=st.just(QUEUE),
    expression=st.none() | st.text(),
    priority=st.none() | st.integers(0, 2**31 - 1),
    timeout=st.none() | st.integers(1, 2**31 - 1),
    skip_if=st.none() | st.text(),
    order_by=st.none() | st.text(),
    known_worker_sid=st.none() | st.text(),
    others=OTHERS,
)
FILTERS = st.builds(
    RoutingFilter,
    filter_friendly_name=st.none() | st.text(),
    expression=TEXTS,
    targets=st.lists(TARGETS, min_size=1, max_size=3),
    others=OTHERS,
)
DEFAULTS = st.builds(DefaultFilter, queue=st.just(QUEUE), others=OTHERS)


@given(
    st.builds(
        WorkflowConfiguration,
        filters=st.lists(FILTERS, max_size=3),
        default_filter=st.none() | DEFAULTS,
        others=OTHERS,
        beside=OTHERS,
    )
)
def test_a_configuration_is_what_it_is_read_from(configuration: WorkflowConfiguration) -> None:
    assert WorkflowConfiguration.from_document(configuration.to_document()) == configuration
