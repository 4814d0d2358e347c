"""Lists of tasks: filters, formats, fields, tables, and lists that are imported again."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiotask.cli.task_table import TaskTable
from tests.cli.commands import LONG, Service, service
from tests.cli.terminal import Terminal


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def created(local: Service, *options: str) -> None:
    result = local.run("tasks", "create", *options)
    assert result.exit_code == 0, result.stderr


@pytest.fixture
def three(local: Service) -> Service:
    for number in range(3):
        created(local, "--priority", str(number), "--attributes", json.dumps({"n": f"é{number}"}))
    return local


def test_a_list_is_json_lines_by_default(three: Service) -> None:
    result = three.run("tasks", "list", "--ordering", "Priority:desc")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["attributes"] for row in rows] == [{"n": "é2"}, {"n": "é1"}, {"n": "é0"}]
    assert "etag" not in rows[0]


def test_a_list_is_filtered_and_limited_by_options(three: Service) -> None:
    def found(*options: str) -> int:
        return len(three.run("tasks", "list", *options).stdout.splitlines())

    three.ask(lambda: three.sandbox.assign(three.sandbox.tasks(three.workspace)[0].sid))
    assert found("--assignment-status", "pending") == 2
    assert found("--assignment-status", "pending", "--assignment-status", "assigned") == 3
    assert found("--limit", "1") == 1
    assert found("--limit", "0") == 0
    assert found("--priority", "2", "--no-has-addons") == 1
    assert found("--evaluate-task-attributes", 'n == "é1"') == 1
    assert three.run("tasks", "list", "--assignment-status", "lost").exit_code == 2


def test_a_list_as_csv_has_attributes_as_json_text(three: Service) -> None:
    text = three.run("tasks", "list", "--output", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [json.loads(row["attributes"]) for row in rows] == [{"n": f"é{n}"} for n in range(3)]
    assert json.loads(rows[0]["links"])["workspace"].endswith(three.workspace)
    assert rows[0]["ignore_capacity"] == ""


def test_an_empty_list_as_csv_still_has_its_header(local: Service) -> None:
    assert local.run("tasks", "list", "--output", "csv").stdout.startswith("sid,account_sid,")


def test_a_table_in_a_pipe_cuts_nothing(three: Service) -> None:
    text = three.run("tasks", "list", "--output", "table").stdout
    assert all(task.sid in text and task.attributes in text for task in three.tasks())


def test_a_table_in_a_pipe_is_as_wide_as_columns_says(
    three: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    text = three.run("tasks", "list", "--output", "table").stdout
    assert all(task.sid in text for task in three.tasks())
    assert max(map(len, text.splitlines())) == 70


def test_a_table_shows_control_characters_as_text(local: Service) -> None:
    created(local, "--attributes", '{"n": "\\u009b31m"}')
    text = local.run("tasks", "list", "--output", "table").stdout
    assert "\x9b" not in text
    assert "\\x9b31m" in text


def on_a_terminal(local: Service, columns: int, *options: str) -> list[str]:
    terminal = Terminal()
    size = {**os.environ, **local.environment, "COLUMNS": str(columns), "TERM": "xterm"}
    words = ["tasks", "list", *options, *local.options]
    done = subprocess.run(
        [sys.executable, "-m", "aiotask", *words],
        stdout=terminal.follower,
        env=size,
        check=False,
        timeout=LONG,
    )
    assert done.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.text()).splitlines()


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_a_list_is_a_table_of_a_line_for_each_task(
    local: Service, columns: int
) -> None:
    created(local, "--attributes", json.dumps({"text": "x" * 500}), "--priority", "7")
    created(local, "--attributes", json.dumps({"text": "日本語" * 50}))
    header, _, *rows = on_a_terminal(local, columns)
    assert header.split() == [
        *("sid", "status", "priority", "age"),
        *(["queue"] if columns == 120 else []),
        "attributes",
    ]
    assert [row.split()[0] for row in rows] == [task.sid for task in local.tasks()]
    assert rows[0].split()[1:3] == ["pending", "7"]
    assert all(row.endswith("…") for row in rows)
    assert max(map(len, [header, *rows])) == columns
    assert len(rows[1]) < columns  # a wide character takes two of its columns


def test_a_table_shows_chosen_fields_and_never_cuts_a_sid(three: Service) -> None:
    options = ["--fields", "workflow_sid,sid, attributes,task_queue_friendly_name,reason"]
    header, _, *rows = on_a_terminal(three, 60, *options)
    assert header.split()[:2] == ["workflow_sid", "sid"]
    assert all(len(row) <= 60 for row in rows)
    _, _, *rows = on_a_terminal(three, 80, "--fields", "attributes,sid,date_created")
    assert all(task.sid in row for task, row in zip(three.tasks(), rows, strict=True))


def test_a_table_of_nothing_is_its_header(local: Service) -> None:
    assert on_a_terminal(local, 80)[0].startswith("sid")
    assert len(local.run("tasks", "list", "--output", "table").stdout.splitlines()) == 2


def test_the_widest_column_gives_way_and_then_the_line_is_cut() -> None:
    row = ["WT" + "0" * 32, "x" * 30, "y" * 10]
    *_, line = TaskTable(["sid", "reason", "url"], 60).lines([row])
    assert line == f"{row[0]}  {'x' * 11}…  {'y' * 10}"
    *_, line = TaskTable(["sid", "reason", "url"], 40).lines([row])
    assert line == f"{row[0]}  xxx…"


def test_rows_of_later_pages_keep_to_the_columns_of_the_first() -> None:
    table = TaskTable(["sid", "age", "reason"], 60)
    first = [*table.lines([["WT" + "0" * 32, "3", "short"]])]
    later = [*table.lines([["WT" + "1" * 32, "1209600", "much longer than the first"]])]
    assert first[2] == f"WT{'0' * 32}  3        short"
    assert later == [f"WT{'1' * 32}  1209600  much …"]
    wide = TaskTable(["sid", "reason"], None)
    assert [*wide.lines([["a", "b"]]), *wide.lines([["longer", "than before"]])] == [
        *("sid  reason", "───  ──────", "a    b", "longer  than before")
    ]


@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_every_format_has_the_chosen_fields_in_their_order(three: Service, form: str) -> None:
    options = ["--output", form, "--fields", "priority,sid"]
    first = three.run("tasks", "list", *options).stdout.splitlines()[0]
    sid = three.tasks()[0].sid
    assert first in {f'{{"priority":0,"sid":"{sid}"}}', "priority,sid", "priority  sid"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("sid,atributes", "unknown field 'atributes'; did you mean attributes"),
        ("etag", "unknown field 'etag'"),
        ("sid,sid", "sid is there twice"),
        ("", "unknown field ''; choose from sid, account_sid, "),
    ],
)
def test_fields_that_no_task_has_are_wrong_usage(local: Service, fields: str, reason: str) -> None:
    result = local.run("tasks", "list", "--fields", fields)
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.split())
    assert not local.sandbox.requests


COPIED = ("priority", "task_channel_unique_name", "timeout", "workflow_sid", "virtual_start_time")


def copies(local: Service) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the first tasks beside the later ones, which were imported from their list."""
    tasks = [json.loads(line) for line in local.run("tasks", "list").stdout.splitlines()]
    half = len(tasks) // 2
    return [*zip(tasks[:half], tasks[half:], strict=True)]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("key", ["aiotask_key", "ticket"])
def test_a_list_is_imported_again_as_new_tasks(
    local: Service, tmp_path: Path, form: str, key: str
) -> None:
    first, listed = tmp_path / "first.jsonl", tmp_path / f"listed.{form}"
    attributes = {"text": 'a "b", é\n', "iccid": 89014103211118510720}
    row = {"attributes": attributes, "priority": 3, "timeout": 77, "task_channel": "voice"}
    moment = {"attributes": {}, "virtual_start_time": "2020-01-02T03:04:05Z"}
    first.write_text(f"{json.dumps(row)}\n{json.dumps(moment)}\n")
    again = ["--max-in-flight", "1", "--key-attribute", key]
    assert local.run("tasks", "import", str(first), *again).exit_code == 0
    text = local.run("tasks", "list", "--output", form).stdout
    listed.write_text(text)
    result = local.run("tasks", "import", str(listed), *again)
    assert result.exit_code == 0, result.stderr
    for old, new in copies(local):
        assert [new[name] for name in COPIED] == [old[name] for name in COPIED]
        assert old["sid"] != new["sid"]
        assert old["attributes"][key] != new["attributes"].pop(key)
        assert old["attributes"]["aiotask_job"] != new["attributes"].pop("aiotask_job")
        kept = {n: v for n, v in old["attributes"].items() if n not in (key, "aiotask_job")}
        assert new["attributes"] == kept


def test_chosen_fields_of_a_list_are_imported_into_another_workspace(
    local: Service, tmp_path: Path
) -> None:
    first, listed = tmp_path / "first.jsonl", tmp_path / "listed.jsonl"
    first.write_text('{"attributes": {"n": 1}, "priority": 4, "task_channel": "voice"}\n')
    assert local.run("tasks", "import", str(first)).exit_code == 0
    fields = "attributes,priority,task_channel_unique_name"
    listed.write_text(local.run("tasks", "list", "--fields", fields).stdout)
    local.workspace = local.ask(lambda: local.sandbox.create_workspace("Sales"))
    assert local.run("tasks", "import", str(listed)).exit_code == 0
    (task,) = local.tasks()
    assert (task.priority, task.task_channel_unique_name) == (4, "voice")
    assert json.loads(task.attributes)["n"] == 1


def test_names_of_no_field_are_wrong_beside_a_sid_too(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    sid = "WT" + "0" * 32
    file.write_text(f'{{"sid": "{sid}", "prioritty": 1}}\n{{"date_created": "2020"}}\n')
    result = local.run("tasks", "import", str(file))
    assert "unknown field 'prioritty'; did you mean priority" in result.stderr
    assert "unknown field 'date_created'" in result.stderr
    assert local.tasks() == []
