"""Integers beyond 64 bits, such as ICCIDs and order numbers, stay exact wherever JSON is."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from aiotask import Client, Created, to_dict
from aiotask.bulk.fingerprint import fingerprint
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import Task, WorkflowConfiguration, WorkspaceContext
from aiotask.webhooks import parse_assignment, parse_event
from tests.cli.commands import Service, outcomes, service

ICCID = 89014103211118510720
NEXT = ICCID + 1  # which is the same float
ATTRIBUTES: dict[str, Any] = {"iccid": ICCID, "orders": [-NEXT, {"first": 10**300 + 1}]}


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


async def test_a_task_has_what_it_was_created_with(workspace: WorkspaceContext) -> None:
    made = await workspace.tasks.create(attributes=ATTRIBUTES)
    assert made.attributes == ATTRIBUTES
    assert (await workspace.tasks.fetch(made.sid)).attributes == ATTRIBUTES
    assert [task.attributes async for task in workspace.tasks.list()] == [ATTRIBUTES]
    assert json.loads(to_dict(made)["attributes"]) == ATTRIBUTES


async def test_modify_keeps_what_it_does_not_change(workspace: WorkspaceContext) -> None:
    made = await workspace.tasks.create(attributes=ATTRIBUTES)
    changed = await workspace.tasks.modify(
        made.sid, lambda task: {"attributes": {**task.attributes, "seen": True}}
    )
    assert changed.attributes == {**ATTRIBUTES, "seen": True}


async def test_an_expression_matches_that_number_and_not_the_next(
    workspace: WorkspaceContext,
) -> None:
    here = await workspace.tasks.create(attributes={"iccid": ICCID})
    there = await workspace.tasks.create(attributes={"iccid": NEXT})

    async def found(expression: str) -> list[str]:
        listing = workspace.tasks.list(evaluate_task_attributes=expression)
        return [task.sid async for task in listing]

    assert await found(f"iccid == {ICCID}") == [here.sid]
    assert await found(f"iccid IN [{NEXT}]") == [there.sid]
    assert await found(f"iccid > {ICCID}") == [there.sid]
    assert await found(f"iccid != {NEXT}") == [here.sid]


async def test_a_worker_is_found_by_that_number(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    sid = sandbox.create_worker(sandbox.workspaces[0], "Ana", {"iccid": ICCID})
    sandbox.create_worker(sandbox.workspaces[0], "Ben", {"iccid": NEXT})
    listing = workspace.workers.list(target_workers_expression=f"iccid == {ICCID}")
    assert [(each.sid, each.attributes) async for each in listing] == [(sid, {"iccid": ICCID})]


async def test_a_sandbox_has_it_still_after_a_restart(tmp_path: Path) -> None:
    ana = {"friendly_name": "Ana", "attributes": ATTRIBUTES}
    async with Sandbox(store=tmp_path / "sandbox.db") as sandbox:
        sandbox.fill({"Support": {"workers": [ana]}})
    async with Sandbox(store=tmp_path / "sandbox.db") as sandbox:
        (worker,) = sandbox.snapshot()["Support"]["workers"]
    assert worker["attributes"] == ATTRIBUTES


async def test_rows_of_a_job_are_told_by_it(
    client: Client, sandbox: Sandbox, workspace: WorkspaceContext, tmp_path: Path
) -> None:
    rows: list[Any] = [{"attributes": {"iccid": number}} for number in (ICCID, NEXT)]
    job = workspace.tasks.create_many(rows, journal=tmp_path / "journal")
    ended = [outcome async for outcome in job]
    assert {type(outcome) for outcome in ended} == {Created}
    made = [json.loads(task.attributes)["iccid"] for task in sandbox.tasks(sandbox.workspaces[0])]
    assert sorted(made) == [ICCID, NEXT]
    assert fingerprint(rows[0]) != fingerprint(rows[1])
    assert client.counters.requests == len(rows)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_an_import_sends_it_and_a_list_shows_it(local: Service, tmp_path: Path, name: str) -> None:
    file, results = tmp_path / name, tmp_path / "results.jsonl"
    text = json.dumps(ATTRIBUTES)
    quoted = text.replace('"', '""')
    row = f'{{"attributes": {text}}}' if name == "rows.jsonl" else f'attributes\n"{quoted}"'
    file.write_text(f"{row}\n")
    done = local.run("tasks", "import", str(file), "--results", str(results))
    assert (done.exit_code, [*outcomes(results)]) == (0, [1 if name == "rows.jsonl" else 2])
    (task,) = local.tasks()
    assert json.loads(task.attributes).items() >= ATTRIBUTES.items()
    shown = json.loads(local.run("tasks", "list").stdout)
    assert shown["attributes"].items() >= ATTRIBUTES.items()
    (cells,) = csv.DictReader(io.StringIO(local.run("tasks", "list", "--output", "csv").stdout))
    assert json.loads(cells["attributes"]).items() >= ATTRIBUTES.items()


def test_the_command_line_creates_and_fetches_it(local: Service) -> None:
    text = json.dumps(ATTRIBUTES)
    made = json.loads(local.run("tasks", "create", "--attributes", text).stdout)
    fetched = json.loads(local.run("tasks", "fetch", made["sid"]).stdout)
    assert made["attributes"] == fetched["attributes"] == ATTRIBUTES


def test_callbacks_tell_it() -> None:
    text = json.dumps(ATTRIBUTES)
    sids = {
        "ReservationSid": "WR" + "1" * 32,
        "TaskSid": "WT" + "2" * 32,
        "WorkerSid": "WK" + "3" * 32,
        "WorkspaceSid": "WS" + "4" * 32,
    }
    asked = parse_assignment(
        urlencode({**sids, "TaskAttributes": text, "WorkerAttributes": text}).encode()
    )
    assert asked.task_attributes == asked.worker_attributes == ATTRIBUTES
    told = parse_event(urlencode({"EventType": "task.created", "TaskAttributes": text}).encode())
    assert told.task_attributes == ATTRIBUTES


def test_a_workflow_read_from_text_keeps_it() -> None:
    default = {"queue": "WQ" + "1" * 32, "order": ICCID}
    text = json.dumps({"task_routing": {"default_filter": default}, "version": -NEXT})
    document = WorkflowConfiguration.from_document(text)
    assert document.to_document() == json.loads(text)


def test_what_a_resource_holds_can_be_written_again() -> None:
    assert json.loads(to_dict(Task(sid="WT1", attributes=ATTRIBUTES))["attributes"]) == ATTRIBUTES
