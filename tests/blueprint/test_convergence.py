"""From any document to any other: one application is enough, and a second changes nothing."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aiotask.blueprint import apply, diff, export
from aiotask.sandbox import Sandbox
from tests.blueprint.documents import empty, opened, writes

ACTIVITIES = [
    {"friendly_name": "Offline", "available": False},
    {"friendly_name": "Unavailable", "available": False},
    {"friendly_name": "Available", "available": True},
    {"friendly_name": "Lunch", "available": False},
]
WORKERS = ["Ana", "Bob", "Eve"]
QUEUES = ["Q {1}", "Q 2", "Q 3"]
activity = st.sampled_from([each["friendly_name"] for each in ACTIVITIES])


def rows(names: list[str], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    def named(chosen: list[str]) -> st.SearchStrategy[list[Any]]:
        return st.tuples(
            *(st.fixed_dictionaries({"friendly_name": st.just(name), **fields}) for name in chosen)
        ).map(list)

    return st.permutations(names).flatmap(
        lambda order: st.integers(0, len(order)).flatmap(lambda count: named(order[:count]))
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    channels = draw(st.lists(st.sampled_from(["letters", "faxes"]), unique=True))
    capacities = st.dictionaries(st.sampled_from(["default", *channels]), st.integers(0, 9))
    workers = draw(
        rows(
            WORKERS,
            activity_sid=activity,
            attributes=st.dictionaries(st.sampled_from("ab"), st.booleans() | st.integers(0, 2)),
            channels=capacities,
        )
    )
    expressions = ["1==1", "", "a == 1", "activity_sid != '{activity:Lunch}'"]
    expressions += [f"sid == '{{worker:{row['friendly_name']}}}'" for row in workers]
    queues = draw(
        rows(
            QUEUES,
            target_workers=st.sampled_from(expressions),
            max_reserved_workers=st.integers(1, 50),
            task_order=st.sampled_from(["FIFO", "LIFO"]),
            reservation_activity_sid=activity,
        )
    )
    workflows = []
    if queues:
        queue = st.sampled_from([row["friendly_name"] for row in queues])
        target = st.fixed_dictionaries(
            {"queue": queue},
            optional={
                "timeout": st.integers(1, 5) | st.sampled_from(["1", "2"]),
                "skip_if": st.sampled_from(["", "1==1", "workers.{activity:Lunch} > 1"]),
                "known_worker_sid": st.just("task.agent"),
            },
        )
        rule = st.fixed_dictionaries(
            {
                "expression": st.sampled_from(
                    ["1==1", "q == '{task_queue:" + _named(queues) + "}'"]
                ),
                "targets": st.lists(target, min_size=1, max_size=3),
            },
            optional={"filter_friendly_name": st.sampled_from(["x", "y"])},
        )
        routing = st.fixed_dictionaries(
            {"filters": st.lists(rule, max_size=3)},
            optional={"default_filter": st.fixed_dictionaries({"queue": queue})},
        )
        configuration = st.fixed_dictionaries({"task_routing": routing})
        workflows = [
            {"friendly_name": name, "configuration": draw(configuration)}
            for name in draw(st.lists(st.sampled_from(["W 1", "W 2"]), unique=True))
        ]
    return {
        "activities": ACTIVITIES,
        "task_channels": [{"unique_name": name, "friendly_name": name} for name in channels],
        "workers": workers,
        "task_queues": queues,
        "workflows": workflows,
    }


def _named(queues: list[dict[str, Any]]) -> str:
    name: str = queues[0]["friendly_name"]
    return name.replace("{", "{{").replace("}", "}}")


@settings(max_examples=40)
@given(first=documents(), second=documents())
async def test_any_document_leads_to_any_other(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    async with Sandbox() as sandbox, opened(sandbox) as client:
        workspace = empty(sandbox, client)
        for document in (first, second):
            async for _ in apply(workspace, document, prune=True):
                pass
            made = await export(workspace, workers=True)
            made["task_channels"] = [
                row for row in made["task_channels"] if row["unique_name"] != "default"
            ]
            assert diff(made, document) == []
            before = writes(sandbox)
            assert [change async for change in apply(workspace, document, prune=True)] == []
            assert writes(sandbox) == before
        copy = empty(sandbox, client)
        exported = await export(workspace, workers=True)
        async for _ in apply(copy, exported, prune=True):
            pass
        assert await export(copy, workers=True) == exported
        sandbox.fill(exported)
