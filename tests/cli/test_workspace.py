"""Commands that export, compare and set up a workspace."""

import json
import os
import pty
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

import aiotask.cli
from aiotask.blueprint.document import rows_of
from aiotask.cli import main
from aiotask.cli.documents import yaml_text
from tests.blueprint.documents import SUPPORT
from tests.cli.commands import LONG, Service, run, service, spawn

EXPRESSIONLESS: dict[str, Any] = {many: SUPPORT[many] for many in ("activities", "task_channels")}


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


@pytest.fixture
def support(tmp_path: Path) -> str:
    path = tmp_path / "support.yaml"
    path.write_text(yaml_text(SUPPORT))
    return str(path)


def other(local: Service, name: str) -> str:
    sid: str = local.ask(lambda: local.sandbox.create_workspace(name, template="NONE"))
    return sid


def there(local: Service, *words: str) -> Result:
    """Run a command that names its workspace by itself."""
    return run("workspace", *words, "--base-url", local.sandbox.url, **local.environment)


def writes(local: Service) -> int:
    counts: dict[str, int] = local.ask(lambda: dict(local.sandbox.requests))
    return sum(count for kind, count in counts.items() if not kind.startswith("GET"))


def test_from_one_workspace_to_another_and_back(local: Service, tmp_path: Path) -> None:
    local.ask(lambda: local.sandbox.fill({"Filled": SUPPORT}))
    other(local, "Copy")
    exported = there(local, "export", "Filled", "--workers")
    assert exported.exit_code == 0, exported.stderr
    path = tmp_path / "filled.yaml"
    path.write_text(exported.stdout)
    to = ("--workspace", "Copy")
    planned = there(local, "plan", str(path), *to)
    assert planned.exit_code == 1, planned.stderr
    assert (
        "create task_queue Spanish\n    target_workers: languages HAS 'es' AND " in planned.stdout
    )
    assert planned.stdout.endswith("11 changes: 11 to create\n")
    assert writes(local) == 0
    applied = there(local, "apply", str(path), *to, "--yes")
    assert applied.exit_code == 0, applied.stderr
    assert applied.stderr == ""
    assert applied.stdout.splitlines()[:2] == [
        "created activity Lunch {long}",
        "created activity Wrap-up",
    ]
    assert there(local, "export", "Copy", "--workers").stdout == exported.stdout
    before = writes(local)
    planned = there(local, "plan", str(path), *to)
    assert (planned.exit_code, planned.stdout) == (0, "no difference\n")
    assert planned.stderr == (
        "Warning: task_queue 'Parked': target_workers matches no worker that there is\n"
    )
    applied = there(local, "apply", str(path), *to, "--yes")
    assert (applied.exit_code, applied.stdout) == (0, "no difference\n")
    assert writes(local) == before
    for pair in (("Filled", "Copy"), (str(path), "Copy"), ("Copy", str(path))):
        assert there(local, "diff", *pair).exit_code == 0


def test_a_workspace_is_exported_by_its_option_and_as_json(local: Service) -> None:
    by_option = local.run("workspace", "export", "--output", "json")
    document = json.loads(by_option.stdout)
    assert document == yaml.safe_load(there(local, "export", local.workspace).stdout)
    assert list(document) == ["activities", "task_channels", "task_queues", "workflows"]
    assert re.search(r'^ {4}"friendly_name"|^ {6}"friendly_name"', by_option.stdout, re.MULTILINE)
    neither = there(local, "export")
    assert neither.exit_code == 2
    assert "name the workspace: WS, or --workspace" in neither.stderr


def test_two_workspaces_are_compared(local: Service, tmp_path: Path) -> None:
    other(local, "Copy")
    shown = there(local, "diff", "Support", "Copy")
    assert shown.exit_code == 1
    assert shown.stdout.splitlines() == [
        "delete workflow Default Fifo Workflow",
        "delete task_queue Sample Queue",
        "2 changes: 2 to delete",
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"activities": [{"friendly_name": "Available"}]}))
    shown = there(local, "diff", "Copy", str(path))
    assert shown.stdout.splitlines()[-5:] == [
        "update activity Available",
        "    available: true -> false",
        "delete activity Offline",
        "delete activity Unavailable",
        "3 changes: 1 to update, 2 to delete",
    ]


def test_what_is_left_alone_is_listed_and_pruned_if_that_is_asked_for(
    local: Service, tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("task_queues: []\nworkflows: []\n")
    planned = local.run("workspace", "plan", str(path))
    assert (planned.exit_code, planned.stdout.splitlines()) == (
        0,
        ["leave task_queue Sample Queue", "leave workflow Default Fifo Workflow", "no difference"],
    )
    pruned = local.run("workspace", "plan", str(path), "--prune")
    assert pruned.exit_code == 1
    assert pruned.stdout.splitlines()[-1] == "2 changes: 2 to delete"
    applied = local.run("workspace", "apply", str(path), "--prune", "--yes")
    assert applied.stdout.splitlines() == [
        "deleted workflow Default Fifo Workflow",
        "deleted task_queue Sample Queue",
    ]


def test_without_a_terminal_nothing_is_applied_unasked(local: Service, support: str) -> None:
    refused = local.run("workspace", "apply", support)
    assert refused.exit_code == 2
    assert "there is no terminal to ask on: give --yes" in refused.stderr
    assert local.ask(local.sandbox.requests.total) == 0


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1)])
def test_on_a_terminal_it_is_asked_with_the_number_of_changes(
    local: Service, tmp_path: Path, answer: str, status: int
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(yaml_text(EXPRESSIONLESS))
    leader, follower = pty.openpty()
    command = spawn(
        *("workspace", "apply", str(path), *local.options),
        environment=local.environment,
        stdin=follower,
    )
    os.write(leader, f"{answer}\n".encode())
    out, err = command.communicate(timeout=LONG)
    os.close(follower)
    os.close(leader)
    assert b"Make 3 changes? [y/N]: " in err
    assert b"create task_channel letters\n" in out
    assert (b"created task_channel letters\n" in out) is (answer == "y")
    assert (b"Error: nothing was changed" in err) is (answer == "n")
    assert command.returncode == status
    assert (writes(local) > 0) is (answer == "y")


def test_an_application_that_breaks_off_says_how_far_it_came(
    local: Service, tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    for expression, status, lines in (("a ==", 1, 3), ("a == 1", 0, 1)):
        queue = {"friendly_name": "New", "target_workers": expression}
        path.write_text(yaml_text({**EXPRESSIONLESS, "task_queues": [queue]}))
        done = local.run("workspace", "apply", str(path), "--yes")
        assert done.exit_code == status
        assert len(done.stdout.splitlines()) == lines
        assert "Warning: task_queue 'New': no workflow leads to it\n" in done.stderr
        told = "; 3 of 4 changes made: give the command again" in done.stderr
        assert told is bool(status)


def test_a_document_comes_from_standard_input(local: Service) -> None:
    words = ["workspace", "plan", "-", *local.options]
    runner = CliRunner()
    text = yaml_text({"Any": EXPRESSIONLESS})
    done = runner.invoke(main, words, env=local.environment, input=text)
    assert done.exit_code == 1, done.stderr
    assert done.stdout.endswith("3 changes: 3 to create\n")
    words[1] = "apply"
    done = runner.invoke(main, words, env=local.environment, input=text)
    assert (done.exit_code, done.stdout) == (2, "")
    done = runner.invoke(main, [*words, "--yes"], env=local.environment, input=text)
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("command", ["plan", "apply", "diff"])
def test_a_document_that_cannot_be_is_wrong_usage(
    local: Service, tmp_path: Path, command: str
) -> None:
    wrong = {
        "activities:\n- friendly_name: 7": "activities[0].friendly_name: must be a text, not 7",
        "queues: []": "there is no queues; there are activities,",
        "a: 1\na: 2": "cannot read ",
    }
    path = tmp_path / "wrong.yaml"
    for text, reason in wrong.items():
        path.write_text(text)
        more = {"plan": ("--workspace", "Support"), "diff": ("Support",)}
        words = more.get(command, ("--workspace", "Support", "--yes"))
        done = there(local, command, str(path), *words)
        assert done.exit_code == 2
        assert reason in done.stderr
        assert str(path) in done.stderr
    assert local.ask(local.sandbox.requests.total) == 0


def test_an_error_is_not_taken_for_a_difference(local: Service, support: str) -> None:
    nobody = "WS" + "0" * 32
    for words in (
        ("plan", support, "--workspace", nobody),
        ("plan", support, "--workspace", "Nobody"),
        ("diff", support, nobody),
        ("diff", "Nobody", support),
    ):
        done = there(local, *words)
        assert done.exit_code == 2, words
        assert done.stdout == ""
    assert "A: there is no workspace 'Nobody'" in done.stderr


def test_the_documents_of_the_readme_are_documents() -> None:
    readme = Path(aiotask.cli.__file__).with_name("README.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert rows_of(yaml.safe_load(block))
