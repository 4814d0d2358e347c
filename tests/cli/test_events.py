"""Command ``aiotask events tail``: events as they come, each once, also over two commands."""

import asyncio
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiotask import Client
from tests.cli.commands import LONG, Service, run, service, wait_until
from tests.cli.terminal import Terminal


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


@pytest.fixture
def since() -> str:
    return (datetime.now(UTC) - timedelta(minutes=1)).isoformat(timespec="seconds")


def create(local: Service, kind: str = "support", priority: int = 0) -> str:
    words = ("--attributes", json.dumps({"type": kind}), "--priority", str(priority))
    sid: str = json.loads(local.run("tasks", "create", *words).stdout)["sid"]
    return sid


def told(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def cursor_in(text: str) -> str:
    line = text.splitlines()[-1]
    assert line.startswith("go on with --cursor ")
    return line.split()[-1]


def test_a_tail_goes_on_where_another_ended(local: Service, since: str) -> None:
    create(local)
    first = local.run("events", "tail", "--since", since, "--limit", "5")
    assert first.exit_code == 0, first.stderr
    create(local)
    words = ("--cursor", cursor_in(first.stderr), "--limit", "6")
    second = local.run("events", "tail", *words)
    found = told(first.stdout) + told(second.stdout)
    assert len({event["sid"] for event in found}) == 11
    assert [event["event_type"] for event in found[:3]] == [
        "workspace.created",
        "task-queue.created",
        "workflow.created",
    ]
    types = [event["event_type"] for event in found[3:]]
    life = ["task.created", "workflow.entered", "workflow.target-matched", "task-queue.entered"]
    assert types == life * 2


def test_events_are_picked_by_task_type_and_expression(local: Service, since: str) -> None:
    create(local, "sales", priority=9)
    sid = create(local, priority=12)
    create(local, priority=3)
    where = 'task_attributes.type == "support" AND task_priority > 9 AND resource_type == "task"'
    words = ("events", "tail", "--since", since, "--event-type", "task.created", "--limit", "1")
    by_expression = told(local.run(*words, "--where", where).stdout)
    assert [event["resource_sid"] for event in by_expression] == [sid]
    assert told(local.run(*words, "--task", sid).stdout) == by_expression


def test_an_interrupt_ends_it_and_says_the_cursor(local: Service, since: str) -> None:
    process = local.spawn("events", "tail", "--since", since)
    assert process.stdout is not None
    first = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=LONG)
    assert process.returncode == 130
    create(local)
    words = ("--cursor", cursor_in(said.decode()), "--limit", "4")
    second = local.run("events", "tail", *words)
    assert len(first) + len(told(rest.decode())) == 3
    assert {event["event_type"] for event in told(second.stdout)}.isdisjoint(
        {event["event_type"] for event in first}
    )


async def restrict_queue(local: Service) -> None:
    sandbox = local.sandbox
    async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
        queues = client.taskrouter.workspace(local.workspace).task_queues
        (queue,) = await queues.list().all()
        await queues.update(queue.sid, target_workers='name != "\x1b[2J"')


def test_a_terminal_gets_lines_of_text_without_control_characters(
    local: Service, since: str
) -> None:
    asyncio.run(restrict_queue(local))
    terminal = Terminal()
    kind = "task-queue.expression.updated"
    words = ("--since", since, "--event-type", kind, "--limit", "1")
    process = local.spawn("events", "tail", *words, stdout=terminal.follower)
    assert process.wait(LONG) == 0
    shown = terminal.text()
    process.communicate()
    assert kind in shown
    assert "expression updated to" in shown
    assert "[2J" in shown
    assert "\x1b" not in shown


def test_a_service_that_is_away_for_a_while_is_told_of_and_waited_for(
    local: Service, since: str
) -> None:
    for _ in range(5):
        local.ask(lambda: local.sandbox.faults.next("GET", "/Events", "before_reset"))
    words = ("events", "tail", "--since", since, "--every", "0.1", "--limit", "3")
    result = local.run(*words)
    assert result.exit_code == 0
    assert "events cannot be listed at present, and are asked for again" in result.stderr
    assert len(told(result.stdout)) == 3


def test_a_refusal_ends_it_and_says_how_to_go_on(local: Service, since: str) -> None:
    words = ("events", "tail", "--since", since, *local.options)
    result = run(*words, **(local.environment | {"TWILIO_AUTH_TOKEN": "wrong"}))
    assert result.exit_code == 1
    assert "go on with --cursor 1." in result.stderr
    assert "status 401" in result.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--where", "type =="], "Invalid value for '--where'"),
        (["--since", "soon"], "must be a date and time like"),
        (["--cursor", "x"], "cursor: must be the unchanged cursor of a tail"),
        (["--task", "x"], "task_sid: must be"),
        (["--every", "0"], "0.1"),
    ],
)
def test_wrong_usage_is_told(local: Service, words: list[str], reason: str) -> None:
    result = local.run("events", "tail", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
    assert local.sandbox.requests.total() == 0


def test_an_event_that_comes_while_the_tail_waits_is_printed(local: Service) -> None:
    process = local.spawn("events", "tail", "--every", "0.1", "--event-type", "task.created")
    requests = local.sandbox.requests
    wait_until(lambda: bool(local.ask(lambda: requests["GET Events"] >= 2)))
    sid = create(local)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["resource_sid"] == sid
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=LONG)
    assert process.returncode == 130
    assert cursor_in(said.decode())
