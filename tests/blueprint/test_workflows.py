"""Workflow configurations with the features of ten kinds of production ones, there and back."""

import json
from typing import Any

import pytest

from aiotask import Client
from aiotask.blueprint import apply, export, plan
from aiotask.sandbox import Sandbox
from tests.blueprint.documents import empty, writes

QUEUES = ("Everyone", "Sales", "Support", "Night", "Voicemail", "Überlauf & Rest")

# Each as such files are written: numbers as text or not, unused members, quotes of both kinds.
WORKFLOWS: dict[str, dict[str, Any]] = {
    "skills": {
        "filters": [
            {
                "filter_friendly_name": "By skill",
                "expression": "selected_skill != null",
                "targets": [
                    {
                        "queue": "Support",
                        "expression": "worker.routing.skills HAS task.selected_skill",
                        "order_by": "worker.routing.levels.billing DESC",
                        "timeout": 90,
                    },
                    {"queue": "Everyone"},
                ],
            }
        ],
        "default_filter": {"queue": "Everyone"},
    },
    "transfers to an agent or a queue": {
        "filters": [
            {
                "filter_friendly_name": "Transfer to a worker",
                "expression": "transferMeta.mode == 'WARM' AND targetType == \"worker\"",
                "targets": [
                    {
                        "queue": "Everyone",
                        "expression": "(worker.contact_uri == task.targetSid) "
                        "OR (worker.sid == task.targetSid)",
                        "priority": 100,
                        "timeout": 300,
                    }
                ],
            },
            {
                "filter_friendly_name": "Transfer to a queue",
                "expression": "transferTargetType=='queue' AND ignoreAgent != ''",
                "targets": [
                    {
                        "queue": "Support",
                        "expression": "(worker.contact_uri != task.ignoreAgent)",
                        "priority": 100,
                    }
                ],
            },
        ]
    },
    "escalation": {
        "filters": [
            {
                "filter_friendly_name": "",
                "expression": "type IN ['billing', \"returns\"] and vip NOT IN [false, null]",
                "targets": [
                    {"queue": "Support", "priority": "5", "timeout": "30"},
                    {"queue": "Support", "priority": "50", "timeout": "30"},
                    {"queue": "Überlauf & Rest", "priority": "100", "timeout": "3600"},
                ],
            }
        ],
        "default_filter": {"queue": "Everyone", "priority": "0"},
    },
    "sticky agent": {
        "filters": [
            {
                "filter_friendly_name": "Last agent",
                "expression": "last_agent != null",
                "targets": [
                    {
                        "queue": "Sales",
                        "known_worker_friendly_name": "task.last_agent",
                        "skip_if": "workers.available == 0",
                        "timeout": 15,
                    },
                    {"queue": "Sales", "timeout": 60},
                ],
            },
            {
                "filter_friendly_name": "Owner",
                "expression": "1==1",
                "targets": [
                    {"queue": "Sales", "known_worker_sid": "task.owner.sid", "timeout": 5},
                    {"queue": "Sales"},
                ],
            },
        ]
    },
    "hours of business": {
        "filters": [
            {
                "filter_friendly_name": "Open",
                "expression": "hour >= 8 AND hour < 18 AND weekday NOT IN ['Sat', 'Sun']",
                "targets": [{"queue": "Everyone", "skip_if": "1==2", "timeout": 120}],
            },
            {
                "filter_friendly_name": "Closed",
                "expression": "hour < 8 OR hour >= 18 OR weekday IN ['Sat', 'Sun']",
                "targets": [{"queue": "Night"}],
            },
        ],
        "default_filter": {"queue": "Voicemail"},
    },
    "languages and countries": {
        "filters": [
            {
                "filter_friendly_name": f"{language}, Ñandú",
                "expression": f'language == "{language}" AND from CONTAINS "+{country}"',
                "targets": [
                    {
                        "queue": "Support",
                        "expression": f"languages.{language} >= 3 AND location == task.country",
                        "order_by": f"worker.languages.{language} DESC, worker.seniority ASC",
                    }
                ],
            }
            for language, country in (("es", "34"), ("pt", "351"), ("de", "49"))
        ]
    },
    "voicemail and callbacks": {
        "filters": [
            {
                "filter_friendly_name": "Voicemail",
                "expression": "taskType=='voicemail' OR callBackData.attempt > 3",
                "targets": [{"queue": "Voicemail", "priority": 1, "timeout": 86400}],
            },
            {
                "filter_friendly_name": "Callback",
                "expression": "taskType == 'callback'",
                "targets": [
                    {
                        "queue": "Sales",
                        "expression": "worker.email == task.callBackData.owner "
                        'OR worker.roles HAS "supervisor"',
                        "timeout": 1200,
                    },
                    {"queue": "Everyone", "expression": "task.level<=worker.level"},
                ],
            },
        ]
    },
    "one queue": {"default_filter": {"queue": "Everyone"}},
    "many filters": {
        "filters": [
            {
                "filter_friendly_name": f"Number {n}",
                "expression": f"to == '+1555010{n:03}' OR helpline == 'Línea {n}'",
                "targets": [{"queue": QUEUES[n % len(QUEUES)], "priority": n % 7}],
            }
            for n in range(60)
        ]
    },
    "levels that begin with digits": {
        "filters": [
            {
                "filter_friendly_name": "Numbers as names",
                "expression": "1==1",
                "targets": [
                    {
                        "queue": "Support",
                        "expression": "worker.routing.levels.988ENsk > 0",
                        "order_by": "worker.routing.levels.988ENsk DESC",
                        "skip_if": "workers.available == 0",
                        "timeout": 20,
                    },
                    {"queue": "Night", "timeout": 40},
                    {"queue": "Überlauf & Rest"},
                ],
            }
        ],
        "default_filter": {"queue": "Everyone"},
        "note": {"kept": ["as", "it", "is"]},
    },
}


def document_of(name: str) -> dict[str, Any]:
    queues = [{"friendly_name": queue, "target_workers": "1==1"} for queue in QUEUES]
    workflow = {"friendly_name": name, "configuration": {"task_routing": WORKFLOWS[name]}}
    return {"task_queues": queues, "workflows": [workflow]}


@pytest.mark.parametrize("name", WORKFLOWS)
async def test_a_configuration_goes_there_and_back(
    sandbox: Sandbox, client: Client, name: str
) -> None:
    document = document_of(name)
    workspace = empty(sandbox, client)
    done = [change async for change in apply(workspace, document)]
    assert {change.action for change in done} == {"create"}
    exported = await export(workspace)
    (workflow,) = exported["workflows"]
    assert workflow["configuration"] == document["workflows"][0]["configuration"]
    before = writes(sandbox)
    for again in (document, exported, json.loads(json.dumps(exported))):
        assert await plan(workspace, again) == []
        assert [change async for change in apply(workspace, again)] == []
    assert writes(sandbox) == before
    other = empty(sandbox, client)
    assert [change async for change in apply(other, exported)]
    assert await export(other) == exported


@pytest.mark.parametrize("name", WORKFLOWS)
async def test_one_that_was_made_by_hand_with_sids_is_the_same(
    sandbox: Sandbox, client: Client, name: str
) -> None:
    """Public files have the sids of their queues in them."""
    document = document_of(name)
    workspace = empty(sandbox, client)
    text = json.dumps(WORKFLOWS[name])
    for queue in document["task_queues"]:
        made = await workspace.task_queues.create(**queue)
        named, sid = (json.dumps({"queue": each})[1:-1] for each in (made.friendly_name, made.sid))
        text = text.replace(named, sid)
    configuration = {"task_routing": json.loads(text)}
    await workspace.workflows.create(friendly_name=name, configuration=configuration)
    assert await plan(workspace, document) == []
    assert (await export(workspace))["workflows"][0]["configuration"] == {
        "task_routing": WORKFLOWS[name]
    }
