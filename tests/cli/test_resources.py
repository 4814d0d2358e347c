"""Commands of all resources, against Twilio's description, the sandbox and real shells."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest

from aiotask._encoding import field_types, wire_name
from aiotask.cli import main
from aiotask.cli.options import option_name
from aiotask.cli.tree import Operation, operations
from tests.cli.commands import LONG, Service, run, service, wait_until
from tests.sweeps import sweep
from tests.test_contract import DOCUMENTED

ALL = {f"{'.'.join(each.way)} {each.verb}": each for each in operations()}


@pytest.fixture
def local() -> Iterator[Service]:
    with service(expression_rate=None) as local:
        yield local


main.load()


def command_of(operation: Operation) -> click.Command:
    command: click.Command = main
    for word in operation.words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


def test_every_operation_is_found_in_the_tree() -> None:
    assert set(ALL) == set(DOCUMENTED)


@pytest.mark.parametrize("title", DOCUMENTED)
def test_every_operation_has_a_command_with_all_its_parameters(title: str) -> None:
    operation, documented = ALL[title], DOCUMENTED[title]
    parameters = {each.name: each for each in command_of(operation).params}
    assert ("if_match" in parameters) == ("If-Match" in documented.parameters)
    shape = operation.shape
    fields = (
        {} if shape is None else {option_name(shape, name): name for name in field_types(shape)}
    )
    assert fields.keys() <= parameters.keys()
    wanted = {each.partition(":")[0] for each in documented.parameters} - {"If-Match"}
    assert {wire_name(name).casefold() for name in fields.values()} == {*map(str.casefold, wanted)}
    sids = [each for each in command_of(operation).params if isinstance(each, click.Argument)]
    assert len(sids) >= len(operation.places) + operation.takes_sid


def told(local: Service, *words: str) -> Any:
    result = local.run(*words)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_workspace_is_set_up_and_taken_down_by_commands(local: Service) -> None:
    lunch = told(local, "activities", "create", "--friendly-name", "Lunch", "--no-available")
    assert lunch["available"] is False
    mail = told(
        local, "task-channels", "create", "--friendly-name", "Mail", "--unique-name", "mail"
    )
    queue = told(
        local, "task-queues", "create", "--friendly-name", "Spanish", "--target-workers",
        'languages HAS "es"', "--max-reserved-workers", "2", "--task-order", "LIFO",
    )  # fmt: skip
    assert (queue["max_reserved_workers"], queue["task_order"]) == (2, "LIFO")
    routing = {"task_routing": {"default_filter": {"queue": queue["sid"]}}}
    flow = told(
        local, "workflows", "create", "--friendly-name", "All", "--configuration",
        json.dumps(routing), "--task-reservation-timeout", "60",
    )  # fmt: skip
    assert flow["configuration"] == routing
    ana = told(
        local, "workers", "create", "--friendly-name", "Ana", "--attributes",
        '{"languages": ["es"]}', "--activity-sid", lunch["sid"],
    )  # fmt: skip
    assert (ana["activity_name"], ana["etag"]) == ("Lunch", '"0"')
    changed = told(
        local, "workers", "update", ana["sid"], "--attributes", '{"n": 1}', "--if-match", '"0"'
    )
    assert (changed["attributes"], changed["etag"]) == ({"n": 1}, '"1"')
    for group, made in (
        ("activities", lunch),
        ("task-channels", mail),
        ("task-queues", queue),
        ("workflows", flow),
        ("workers", ana),
    ):
        assert told(local, group, "fetch", made["sid"])["sid"] == made["sid"]
        lines = local.run(group, "list").stdout.splitlines()
        assert made["sid"] in [json.loads(line)["sid"] for line in lines]
        renamed = told(local, group, "update", made["sid"], "--friendly-name", "New")
        assert renamed["friendly_name"] == "New"
        assert local.run(group, "update", made["sid"]).exit_code == 2
    for group, made in (
        ("workers", ana),
        ("workflows", flow),
        ("task-queues", queue),
        ("task-channels", mail),
        ("activities", lunch),
    ):
        gone = local.run(group, "delete", made["sid"])
        assert (gone.exit_code, gone.stdout) == (0, "")
        assert local.run(group, "fetch", made["sid"]).exit_code == 1


def test_lists_are_filtered_and_shown_like_those_of_tasks(local: Service) -> None:
    make = local.sandbox.create_worker
    for name in ("Ana", "Bo", "Cy"):
        local.ask(partial(make, local.workspace, name, {}, "Offline"))
    result = local.run(
        "workers",
        "list",
        "--friendly-name",
        "Bo",
        "--output",
        "csv",
        "--fields",
        "friendly_name,activity_name",
    )
    assert result.stdout == "friendly_name,activity_name\nBo,Offline\n"
    assert len(local.run("workers", "list", "--limit", "2").stdout.splitlines()) == 2
    table = local.run("workers", "list", "--output", "table", "--no-available").stdout
    assert table.split()[0] == "sid"
    assert len(table.splitlines()) == 5
    assert local.run("workers", "list", "--fields", "reason").exit_code == 2


def test_workspaces_have_commands_without_a_workspace(local: Service) -> None:
    def outside(*words: str) -> Any:
        return run(*words, "--base-url", local.sandbox.url, **local.environment)

    made = outside("workspaces", "create", "--friendly-name", "Sales", "--template", "FIFO")
    assert made.exit_code == 0, made.stderr
    sid = json.loads(made.stdout)["sid"]
    assert outside("workspaces", "update", sid, "--no-multi-task-enabled").exit_code in (0, 1)
    names = [
        json.loads(line)["friendly_name"]
        for line in outside("workspaces", "list").stdout.splitlines()
    ]
    assert {"Sales", "Support"} <= {*names}
    for which in (sid, "Sales"):
        counted = json.loads(outside("workspaces", "statistics", which, "--minutes", "5").stdout)
        assert counted["workspace_sid"] == sid
    assert outside("workspaces", "delete", sid).exit_code == 0
    assert outside("workspaces", "fetch", sid).exit_code == 1


def test_reservations_and_channels_are_below_their_places(local: Service) -> None:
    worker = local.ask(lambda: local.sandbox.create_worker(local.workspace, "Ana", {}, "Available"))
    task = told(local, "tasks", "create", "--attributes", "{}")
    (line,) = local.run("tasks", "reservations", "list", task["sid"]).stdout.splitlines()
    reservation = json.loads(line)["sid"]
    listed = local.run("workers", "reservations", "list", worker, "--reservation-status", "pending")
    assert json.loads(listed.stdout)["sid"] == reservation
    accepted = told(
        local, "workers", "reservations", "update", worker, reservation,
        "--reservation-status", "accepted",
    )  # fmt: skip
    assert accepted["reservation_status"] == "accepted"
    fetched = told(local, "tasks", "reservations", "fetch", task["sid"], reservation)
    assert (fetched["sid"], fetched["etag"]) == (reservation, accepted["etag"])
    channel = told(
        local, "workers", "worker-channels", "update", worker, "default", "--capacity", "7"
    )
    assert channel["configured_capacity"] == 7
    events = local.run("events", "list", "--task-sid", task["sid"], "--event-type", "task.created")
    event = json.loads(events.stdout)
    assert told(local, "events", "fetch", event["sid"])["event_type"] == "task.created"
    wrong = local.run("workers", "reservations", "list", task["sid"])
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert "WK: must be a sid: WK and 32 hexadecimal digits" in wrong.stderr


def test_statistics_are_of_one_or_of_all(local: Service) -> None:
    worker = local.ask(lambda: local.sandbox.create_worker(local.workspace, "Ana", {}, "Offline"))
    queues = local.run("task-queues", "list").stdout.splitlines()
    queue = json.loads(queues[0])["sid"]
    flow = json.loads(local.run("workflows", "list").stdout.splitlines()[0])["sid"]
    assert told(local, "workers", "statistics", worker, "--trust-env")["worker_sid"] == worker
    assert "realtime" in told(local, "workers", "statistics", "--friendly-name", "Ana")
    wrong = local.run("workers", "statistics", worker, "--friendly-name", "Ana")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "--friendly-name: goes with all of them, not with a SID" in wrong.stderr
    (row,) = local.run(
        "task-queues", "statistics", "--output", "csv", "--fields", "task_queue_sid"
    ).stdout.split()[1:]
    assert row == queue
    assert told(local, "task-queues", "statistics", queue)["task_queue_sid"] == queue
    for kind in ("statistics", "real-time-statistics", "cumulative-statistics"):
        assert told(local, "workflows", kind, flow)["workflow_sid"] == flow
    both = told(local, "task-queues", "bulk-real-time-statistics", "--queue-sids", queue)
    assert len(both["task_queue_data"]) == 1
    split = told(local, "workflows", "cumulative-statistics", flow, "--split-by-wait-time", "5,30")
    assert split["split_by_wait_time"].keys() == {"5", "30"}


def test_tasks_of_assistants_have_commands(local: Service) -> None:
    def outside(*words: str) -> Any:
        return run(*words, "--base-url", local.sandbox.url, **local.environment)

    assistant = "UA" + "0" * 32
    made = outside("assistants", "tasks", "create", assistant, "--unique-name", "greet")
    assert made.exit_code == 0, made.stderr
    listed = outside("assistants", "tasks", "list", assistant)
    assert json.loads(listed.stdout)["unique_name"] == "greet"


def test_a_required_field_is_missed_before_anything_is_sent(local: Service) -> None:
    result = local.run("workers", "create")
    assert result.exit_code == 2
    assert "Missing option '--friendly-name'" in result.stderr
    assert not local.sandbox.requests


BASH = """
eval "$(_AIOTASK_COMPLETE=bash_source aiotask)"
COMP_WORDS=({words}) COMP_CWORD={last}
_aiotask_completion aiotask
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSHRC = """
autoload -U compinit && compinit -u -d {dump}
eval "$(_AIOTASK_COMPLETE=zsh_source aiotask)"
PS1='ready> '
"""
LINES = [
    ("task-q", {"task-queues"}),
    ("workers re", {"reservations", "real-time-statistics"}),
    ("tasks list --assignment-status can", {"canceled"}),
    ("tasks import --columns", {"--columns-as-attributes"}),
]


def environment(folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "ZDOTDIR": str(folder), "TERM": "dumb"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(("line", "wanted"), sweep(LINES, usual=2))
def test_bash_completes_commands_and_options(tmp_path: Path, line: str, wanted: set[str]) -> None:
    words = ["aiotask", *line.split()]
    script = BASH.format(words=" ".join(words), last=len(words) - 1)
    done = subprocess.run(
        ["bash", "--norc", "-c", script],  # noqa: S607 - the one of this system
        capture_output=True,
        text=True,
        check=False,
        env=environment(tmp_path),
    )
    assert {word for word in done.stdout.split() if word != "plain"} == wanted, done


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(("line", "wanted"), sweep(reversed(LINES), usual=2))
def test_zsh_completes_commands_and_options(tmp_path: Path, line: str, wanted: set[str]) -> None:
    (tmp_path / ".zshrc").write_text(ZSHRC.format(dump=tmp_path / "dump"))
    leader, follower = pty.openpty()
    shown = b""

    def shows(*texts: str) -> bool:
        nonlocal shown
        if select.select([leader], [], [], 0.1)[0]:
            shown += os.read(leader, 4096)
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\x07\x08]", "", shown.decode(errors="replace"))
        return all(text in plain for text in texts)

    shell = subprocess.Popen(
        ["zsh", "-d", "-i"],  # noqa: S607 - the one of this system
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment(tmp_path),
        start_new_session=True,
    )
    try:
        wait_until(lambda: shows("ready> "))
        os.write(leader, f"aiotask {line}\t".encode())
        wait_until(lambda: shows(*wanted))
    finally:
        shell.kill()
        shell.wait(LONG)
        os.close(leader)
        os.close(follower)
