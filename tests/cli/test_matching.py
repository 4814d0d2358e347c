"""Commands that cancel, complete, delete and update all tasks that match."""

import os
import pty
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiotask.cli.commands.journal import show
from tests.cli.commands import LONG, Service, lines, service, wait_until

WHY = ("--reason", "closed")
ALL = ("--where", "1==1")


@pytest.fixture
def local() -> Iterator[Service]:
    with service(expression_rate=None) as local:
        yield local


def filled(local: Service, number: int, folder: Path) -> list[str]:
    """Make tasks with the numbers from 1 on."""
    rows = folder / "rows.jsonl"
    rows.write_text(lines(number))
    result = local.run("tasks", "import", str(rows))
    assert result.exit_code == 0, result.stderr
    return [task.sid for task in local.tasks()]


def statuses(local: Service) -> Counter[str]:
    return Counter(task.assignment_status for task in local.tasks())


def test_all_that_match_are_canceled_and_nothing_else(local: Service, tmp_path: Path) -> None:
    sids = filled(local, 12, tmp_path)
    local.ask(lambda: local.sandbox.assign(sids[0]))
    done = local.run("tasks", "cancel", "--where", "n < 10", *WHY, "--yes")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "8 tasks: 8 canceled\n"
    assert statuses(local) == {"canceled": 8, "pending": 3, "assigned": 1}
    again = local.run("tasks", "cancel", "--where", "n < 10", *WHY, "--yes")
    assert (again.exit_code, again.stderr) == (0, "0 tasks\n")


def test_assigned_tasks_are_completed(local: Service, tmp_path: Path) -> None:
    sids = filled(local, 4, tmp_path)
    for sid in sids[:3]:
        local.ask(partial(local.sandbox.assign, sid))
    done = local.run("tasks", "complete", *ALL, *WHY, "--yes")
    assert (done.exit_code, done.stderr) == (0, "3 tasks: 3 completed\n")
    assert statuses(local) == {"completed": 3, "pending": 1}


def test_all_that_match_are_deleted(local: Service, tmp_path: Path) -> None:
    filled(local, 30, tmp_path)
    done = local.run("tasks", "delete", "--where", "n > 5", "--yes", "--max-rate", "1000")
    assert (done.exit_code, done.stderr) == (0, "25 tasks: 25 deleted\n")
    assert len(local.tasks()) == 5


def test_all_that_match_are_changed_by_a_list_of_them(local: Service, tmp_path: Path) -> None:
    sids = filled(local, 6, tmp_path)
    local.ask(lambda: local.sandbox.assign(sids[0]))
    pick = ("--evaluate-task-attributes", "n < 4", "--assignment-status", "pending")
    listed = local.run("tasks", "list", *pick, "--fields", "sid")
    picked = tmp_path / "picked.jsonl"
    picked.write_text(listed.stdout)
    changed = local.run("tasks", "update", "--from", str(picked), "--set", "priority=9")
    assert changed.exit_code == 0, changed.stderr
    assert [task.priority for task in local.tasks()] == [0, 9, 9, 0, 0, 0]


def test_all_that_match_are_updated(local: Service, tmp_path: Path) -> None:
    sids = filled(local, 6, tmp_path)
    local.ask(lambda: local.sandbox.assign(sids[0]))
    words = ("tasks", "update", "--where", "n < 4", "--in-status", "pending", "--priority", "9")
    seen = local.run(*words, "--dry-run")
    assert (seen.exit_code, set(seen.stdout.split())) == (0, set(sids[1:3]))
    assert seen.stderr == "2 tasks would be updated\n"
    done = local.run(*words, "--yes", "--max-in-flight", "1")
    assert (done.exit_code, done.stderr) == (0, "2 tasks: 2 updated\n")
    assert [task.priority for task in local.tasks()] == [0, 9, 9, 0, 0, 0]


def test_an_update_of_all_that_match_goes_on_by_its_journal(local: Service, tmp_path: Path) -> None:
    filled(local, 5, tmp_path)
    words = ("tasks", "update", *ALL, "--yes", "--journal", str(tmp_path / "changes.db"))
    for _ in range(2):
        done = local.run(*words, "--priority", "9")
        assert (done.exit_code, local.sandbox.requests["POST Tasks/{Sid}"]) == (0, 5), done.stderr
    other = local.run(*words, "--priority", "8")
    assert (other.exit_code, "row 1 has changed" in other.stderr) == (2, True), other.stderr
    assert {task.priority for task in local.tasks()} == {9}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((*ALL,), "nothing to change: give at least one field"),
        ((*ALL, "--priority", "1"), "there is no terminal to ask: give --yes"),
        ((*ALL, "--priority", "1", "--yes", "--set", "priority=2"), "--set goes with --from"),
        ((*ALL, "--priority", "1", "--yes", "--if-match", "0"), "--if-match goes with a SID"),
        ((*ALL, "--attributes", '{"a": "%s"}' % ("x" * 4096), "--yes"), "attributes: "),
        (("WT" + "0" * 32, "--priority", "1", "--yes"), "--yes goes with --where"),
        (("--from", "x", "--in-status", "pending"), "--in-status goes with --where"),
    ],
)
def test_what_an_update_of_all_that_match_cannot_be_is_told(
    local: Service, words: tuple[str, ...], why: str
) -> None:
    refused = local.run("tasks", "update", *words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert why in refused.stderr
    assert not local.sandbox.requests


def test_what_cannot_be_is_told_with_its_reason(local: Service, tmp_path: Path) -> None:
    sids = filled(local, 2, tmp_path)
    local.ask(lambda: local.sandbox.assign(sids[1]))
    options = ("--assignment-status", "assigned", "--assignment-status", "pending")
    done = local.run("tasks", "cancel", *ALL, *WHY, "--yes", *options)
    assert done.exit_code == 1
    told = done.stderr.splitlines()
    assert told[0].startswith(f"{sids[1]} rejected: Cannot cancel task {sids[1]}")
    assert told[1] in ("2 tasks: 1 canceled, 1 rejected", "2 tasks: 1 rejected, 1 canceled")


def test_a_dry_run_prints_the_tasks_and_changes_nothing(local: Service, tmp_path: Path) -> None:
    sids = filled(local, 3, tmp_path)
    journal = tmp_path / "cancel.db"
    done = local.run("tasks", "cancel", *ALL, *WHY, "--dry-run", "--journal", str(journal))
    assert (done.exit_code, sorted(done.stdout.split())) == (0, sorted(sids))
    assert done.stderr == "3 tasks would be canceled\n"
    assert statuses(local) == {"pending": 3}
    assert not [*tmp_path.glob("cancel.db*")]


def test_without_a_terminal_it_is_refused(local: Service, tmp_path: Path) -> None:
    filled(local, 2, tmp_path)
    before = local.sandbox.requests.total()
    refused = local.run("tasks", "cancel", *ALL, *WHY)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "there is no terminal to ask: give --yes" in refused.stderr
    assert local.sandbox.requests.total() == before


@pytest.mark.parametrize(("word", "status"), [(b"y\n", 0), (b"n\n", 1), (b"\n", 1)])
def test_a_terminal_is_asked_with_the_number(
    local: Service, tmp_path: Path, word: bytes, status: int
) -> None:
    filled(local, 3, tmp_path)
    leader, follower = pty.openpty()
    try:
        process = local.spawn("tasks", "cancel", *ALL, *WHY, stdin=follower)
        os.write(leader, word)
        _, told = process.communicate(timeout=LONG)
    finally:
        os.close(leader)
        os.close(follower)
    assert process.returncode == status
    assert told.startswith(b"cancel 3 tasks? [y/N]: ")
    assert statuses(local) == ({"canceled": 3} if status == 0 else {"pending": 3})


def test_only_older_tasks_are_taken(local: Service, tmp_path: Path) -> None:
    old = filled(local, 3, tmp_path)
    local.advance(hours=20)
    assert local.run("tasks", "create").exit_code == 0
    words = ("tasks", "delete", *ALL, "--older-than", "18h119m", "--yes")
    done = local.run(*words)
    assert (done.exit_code, done.stderr) == (0, "3 tasks: 3 deleted\n")
    assert not {task.sid for task in local.tasks()} & set(old)
    assert len(local.tasks()) == 1


@pytest.mark.parametrize("text", ["2", "d", "", "-2d", "2w", "1h2d", "2 d"])
def test_a_wrong_duration_is_refused(local: Service, text: str) -> None:
    refused = local.run("tasks", "cancel", *ALL, *WHY, "--yes", "--older-than", text)
    assert refused.exit_code == 2
    assert "must be a duration like 2d, 36h, 90m or 1d12h" in refused.stderr


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("WT" + "0" * 32, "--where", "1==1"),
        ("WT" + "0" * 32, "--dry-run"),
        ("--where", "1==1", "--if-match", '"0"'),
    ],
)
def test_a_deletion_is_of_one_task_or_of_those_that_match(
    local: Service, words: tuple[str, ...]
) -> None:
    assert local.run("tasks", "delete", *words).exit_code == 2
    assert not local.sandbox.requests


def test_a_wrong_expression_is_told(local: Service) -> None:
    refused = local.run("tasks", "cancel", "--where", "((", *WHY, "--yes")
    assert refused.exit_code == 1
    assert "400" in refused.stderr


def test_tasks_that_come_meanwhile_are_taken_by_another_pass(
    local: Service, tmp_path: Path
) -> None:
    filled(local, 30, tmp_path)
    service = local.sandbox._service
    carry_out = service.carry_out

    def create_another(request: Any) -> Any:
        if request.method == "POST":
            service.carry_out = carry_out  # type: ignore[method-assign]
            local.sandbox.create_task(local.workspace, {"attributes": {}})
        return carry_out(request)

    service.carry_out = create_another  # type: ignore[method-assign]
    done = local.run("tasks", "cancel", *ALL, *WHY, "--yes")
    assert (done.exit_code, done.stderr) == (0, "31 tasks: 31 canceled\n")


def test_after_a_kill_the_same_command_goes_on(local: Service, tmp_path: Path) -> None:
    filled(local, 60, tmp_path)
    journal = tmp_path / "cancel.db"
    words = ("tasks", "cancel", *ALL, *WHY, "--yes", "--journal", str(journal))
    first = local.spawn(*words, "--max-rate", "60", stderr=subprocess.DEVNULL)
    wait_until(lambda: statuses(local)["canceled"] >= 10)
    first.kill()
    first.communicate()
    with (tmp_path / "cancel.db.tasks").open("a") as picked:
        picked.write("WT123")  # a line that a kill has cut
    done = local.run(*words)
    assert done.exit_code == 0, done.stderr
    assert statuses(local) == {"canceled": 60}
    shown = CliRunner().invoke(show, [str(journal)]).output.splitlines()
    assert shown[2:] == ["60 rows: 60 updated, 0 rejected, 0 unresolved", "complete"]
    last = local.run(*words)
    assert (last.exit_code, last.stderr) == (0, "0 tasks\n")
