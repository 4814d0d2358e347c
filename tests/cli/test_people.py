"""Workers in files: import, export, both in a row, and the deletion of all others."""

import json
import os
import pty
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import LONG, Service, lines, outcomes, run, service

HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("Ana Díaz", {"languages": ["es", "en"], "level": 3, "none": None, "deep": {"a": [{}, [1.5]]}}),
    (' "quoted", with; all\tof|it ', {"text": 'a "b"\n\r\n,;\t\\ \u2028 é 漢 \U0001f600 \x00\x1b'}),
    ("=1+1", {"": "", "attributes.x": 1, "big": 2**70, "sid": "WK", "friendly_name": "x"}),
    ("line\nbreak", {}),
    ("007", {"n": 10**20, "small": 1e-7}),
]


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def workers(local: Service, workspace: str = "Support") -> dict[str, Any]:
    """Return the attributes and the activities of all workers by their names."""
    found = local.ask(local.sandbox.snapshot)[workspace]["workers"]
    return {each["friendly_name"]: (each["attributes"], each["activity_name"]) for each in found}


def written(tmp_path: Path, text: str, name: str = "people.csv") -> str:
    file = tmp_path / name
    file.write_text(text)
    return str(file)


def posts(local: Service) -> int:
    return sum(number for kind, number in local.sandbox.requests.items() if "GET" not in kind)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("command", ["export", "list"])
def test_workers_are_backed_up_and_restored_by_two_commands(
    local: Service, tmp_path: Path, form: str, command: str
) -> None:
    for name, attributes in HOSTILE:
        local.ask(
            partial(local.sandbox.create_worker, local.workspace, name, attributes, "Offline")
        )
    local.ask(lambda: local.sandbox.create_worker(local.workspace, "On", {}, "Available"))
    told = local.run("workers", command, "--output", form)
    assert told.exit_code == 0, told.stderr
    file = tmp_path / f"people.{form}"
    file.write_bytes(told.stdout_bytes)
    before = workers(local)
    # Into the same workspace: nothing is sent. Into another one: the same workers.
    sent = posts(local)
    again = local.run("workers", "import", str(file))
    assert again.exit_code == 0, again.stderr
    assert "6 rows: 0 created, 0 updated, 6 unchanged, 0 rejected, 0 unresolved" in again.stderr
    assert posts(local) == sent
    other = local.ask(lambda: local.sandbox.create_workspace("Other"))
    words = ["workers", "import", str(file), "--workspace", other]
    restored = run(*words, "--base-url", local.sandbox.url, **local.environment)
    assert restored.exit_code == 0, restored.stderr
    assert "6 created" in restored.stderr
    assert workers(local, "Other") == before == workers(local)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_tasks_are_backed_up_and_restored_by_two_commands(
    local: Service, tmp_path: Path, form: str
) -> None:
    rows = tmp_path / "rows.jsonl"
    documents = [{"attributes": attributes, "priority": 7} for _, attributes in HOSTILE]
    rows.write_text("".join(f"{json.dumps(each)}\n" for each in documents))
    assert local.run("tasks", "import", str(rows)).exit_code == 0
    file = tmp_path / f"tasks.{form}"
    fields = ["--fields", "attributes,priority,task_channel_unique_name"]
    file.write_bytes(local.run("tasks", "list", "--output", form, *fields).stdout_bytes)
    local.ask(lambda: local.sandbox.create_workspace("Other"))
    words = ["tasks", "import", str(file), "--workspace", "Other"]
    result = run(*words, "--base-url", local.sandbox.url, **local.environment)
    assert result.exit_code == 0, result.stderr
    marks = {"aiotask_key", "aiotask_job"}

    def kept(workspace: str) -> list[str]:
        found = local.ask(local.sandbox.snapshot)[workspace]["tasks"]
        return sorted(
            json.dumps({n: v for n, v in each["attributes"].items() if n not in marks})
            for each in found
            if each["priority"] == 7
        )

    assert kept("Other") == kept("Support") == sorted(json.dumps(each) for _, each in HOSTILE)


def test_people_of_a_csv_are_created_changed_and_left_alone(local: Service, tmp_path: Path) -> None:
    local.ask(lambda: local.sandbox.create_worker(local.workspace, "Ana", {"n": 1}, "Offline"))
    local.ask(lambda: local.sandbox.create_worker(local.workspace, "Other", {"n": 2}, "Offline"))
    text = "friendly_name,activity_name,attributes.n,attributes.tags\n"
    text += 'ANA,Unavailable,5,"[""a""]"\nBo,,6,\nCy,Lunch,7,\n'
    file, results = written(tmp_path, text), tmp_path / "results"
    options = ["--json-columns", "attributes.n,attributes.tags", "--results", str(results)]
    result = local.run("workers", "import", file, *options)
    assert result.exit_code == 1
    assert (
        f"{file}:4: activity_name: no activity of the workspace is called 'Lunch'\n"
        in result.stderr
    )
    fates = {line: row["outcome"] for line, row in outcomes(results).items()}
    assert fates == {2: "updated", 3: "created", 4: "rejected"}
    found = workers(local)
    assert {name.casefold(): found[name] for name in found} == {
        "ana": ({"n": 5, "tags": ["a"]}, "Unavailable"),
        "bo": ({"n": 6}, "Offline"),
        "other": ({"n": 2}, "Offline"),
    }


def people(local: Service, tmp_path: Path, *, named: int, others: int) -> str:
    """Make workers of whom a file names some, in other letters."""
    for number in range(named + others):
        name = f"Worker {number}"
        local.ask(partial(local.sandbox.create_worker, local.workspace, name, {}, "Offline"))
    rows = "".join(f"WORKER {number}\n" for number in range(named))
    return written(tmp_path, f"friendly_name\n{rows}New\n")


def test_all_others_are_deleted_once_that_is_agreed_to(local: Service, tmp_path: Path) -> None:
    file = people(local, tmp_path, named=2, others=3)
    result = local.run("workers", "import", file, "--prune", "--yes")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.endswith("3 other workers: 3 deleted\n")
    assert sorted(name.casefold() for name in workers(local)) == ["new", "worker 0", "worker 1"]
    again = local.run("workers", "import", file, "--prune", "--yes")
    assert again.stderr.endswith("no other workers\n")


@pytest.mark.parametrize(("word", "status"), [(b"y\n", 0), (b"n\n", 1)])
def test_a_terminal_is_asked_before_workers_are_deleted(
    local: Service, tmp_path: Path, word: bytes, status: int
) -> None:
    file = people(local, tmp_path, named=1, others=1)
    leader, follower = pty.openpty()
    try:
        process = local.spawn("workers", "import", file, "--prune", stdin=follower)
        os.write(leader, word)
        _, told = process.communicate(timeout=LONG)
    finally:
        os.close(leader)
        os.close(follower)
    assert process.returncode == status, told
    assert b"Delete 1 worker who is not in the file? [y/N]: " in told
    assert len(workers(local)) == (2 if status == 0 else 3)


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("friendly_name\nAna\n", [], "there is no terminal to ask on: give --yes"),
        ("friendly_name\nAna\n", ["--yes", "--limit", "1"], "without --rows and --limit"),
        ("friendly_name\nAna\n", ["--yes", "--rows", "1"], "without --rows and --limit"),
        ("friendly_name\n", ["--yes"], "has no rows, and would leave no worker"),
        (
            "friendly_name,attributes\nAna,{}\nBo,5\n",
            ["--yes"],
            ":3: attributes: must be a mapping, which is sent as JSON, not int; with --prune",
        ),
    ],
)
def test_a_deletion_that_may_be_a_mistake_is_refused_before_anything_is_sent(
    local: Service, tmp_path: Path, text: str, options: list[str], reason: str
) -> None:
    result = local.run("workers", "import", written(tmp_path, text), "--prune", *options)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert not local.sandbox.requests


def test_a_pipe_cannot_be_read_twice(local: Service) -> None:
    result = local.run("workers", "import", "-", "--prune", "--yes")
    assert (result.exit_code, not local.sandbox.requests) == (2, True)
    assert "reads FILE twice" in result.stderr


def test_nobody_is_deleted_after_an_import_that_failed(local: Service, tmp_path: Path) -> None:
    people(local, tmp_path, named=1, others=1)
    file = written(tmp_path, "friendly_name,activity_name\nBo,Lunch\n")
    assert local.run("workers", "import", file, "--prune", "--yes").exit_code == 1
    assert len(workers(local)) == 2


def test_a_worker_who_cannot_be_deleted_is_told(local: Service, tmp_path: Path) -> None:
    file = people(local, tmp_path, named=1, others=1)
    local.ask(lambda: local.sandbox.create_worker(local.workspace, "Busy", {}, "Available"))
    assert local.run("tasks", "create").exit_code == 0  # the worker has a reservation then
    result = local.run("workers", "import", file, "--prune", "--yes")
    assert result.exit_code == 1, result.stderr
    assert " rejected: " in result.stderr
    assert "2 other workers: " in result.stderr
    assert "1 rejected" in result.stderr


def test_a_trial_of_people_finds_what_is_wrong(tmp_path: Path) -> None:
    file = written(tmp_path, "friendly_name,activity_name\nAna,Any\nANA,\n,Any\n")
    result = run("workers", "import", file, "--workspace", "Support", "--dry-run")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"friendly_name": "Ana", "activity_name": "Any"}
    assert f"{file}:3: friendly_name: 'ana' is the key of row 1 already\n" in result.stderr
    assert f"{file}:4: NewWorker lacks friendly_name\n" in result.stderr


def test_tasks_are_changed_by_the_rows_of_a_file(local: Service, tmp_path: Path) -> None:
    rows = written(tmp_path, lines(3), "rows.jsonl")
    assert local.run("tasks", "import", rows).exit_code == 0
    one, two, three = [task.sid for task in local.tasks()]
    gone = "WT" + "0" * 32
    text = f"sid,priority,attributes.x\n{one},5,a\n{gone},6,\n{two},high,\n,7,\n{three},,\n"
    file, results = written(tmp_path, text), tmp_path / "results"
    trial = local.run("tasks", "update", "--from", file, "--dry-run")
    assert trial.exit_code == 1
    assert [json.loads(line)["sid"] for line in trial.stdout.splitlines()] == [one, gone, three]
    assert ":4: priority: must be a whole number, not 'high'" in trial.stderr
    assert ":5: a row lacks its sid" in trial.stderr
    journal = ["--journal", str(tmp_path / "journal"), "--results", str(results)]
    for _ in range(2):
        result = local.run("tasks", "update", "--from", file, *journal)
        assert result.exit_code == 1
        fates = {line: row["outcome"] for line, row in outcomes(results).items()}
        assert fates == {
            2: "updated", 3: "rejected", 4: "rejected", 5: "rejected", 6: "unchanged",
        }  # fmt: skip
        assert "1 updated, 1 unchanged, 3 rejected, 0 unresolved" in result.stderr
    assert [task.priority for task in local.tasks()] == [5, 0, 0]
    assert json.loads(local.tasks()[0].attributes) == {"x": "a"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "give either a SID, --from or --where"),
        (["WT" + "0" * 32, "--from", "x"], "give either a SID, --from or --where"),
        (["--from", "x", "--priority", "5"], "--from: fields come from the file"),
        (["--from", "x", "--if-match", "5"], "--if-match goes with a SID"),
        (["WT" + "0" * 32, "--journal", "x"], "nothing to change"),
        (["WT" + "0" * 32, "--priority", "1", "--journal", "x"], "goes with --from or --where"),
        (["--from", "x", "--journal", "postgresql://db/x"], "--journal: has to be a file"),
    ],
)
def test_options_of_one_task_and_of_a_file_do_not_mix(
    local: Service, words: list[str], reason: str
) -> None:
    result = local.run("tasks", "update", *words)
    assert (result.exit_code, not local.sandbox.requests) == (2, True)
    assert reason in result.stderr
