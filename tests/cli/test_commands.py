"""Commands for single tasks and lists."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.commands import LONG, Service, run, service, spawn, wait_until

NOBODY = "WT" + "0" * 32


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def created(local: Service, *options: str) -> dict[str, object]:
    result = local.run("tasks", "create", *options)
    assert result.exit_code == 0, result.stderr
    task: dict[str, object] = json.loads(result.stdout)
    return task


def test_create_prints_the_task_as_one_line_of_json_with_its_etag(local: Service) -> None:
    task = created(
        local,
        *("--attributes", '{"type": "support"}', "--priority", "7", "--task-timeout", "60"),
        *("--virtual-start-time", "2020-01-02T03:04:05Z", "--timeout", "5"),
    )
    assert task["attributes"] == {"type": "support"}
    assert (task["priority"], task["timeout"]) == (7, 60)
    assert task["virtual_start_time"] == "2020-01-02T03:04:05Z"
    assert task["etag"] is not None
    assert [stored.sid for stored in local.tasks()] == [task["sid"]]


def test_a_task_is_fetched_changed_and_deleted(local: Service) -> None:
    sid = str(created(local)["sid"])
    fetched = json.loads(local.run("tasks", "fetch", sid).stdout)
    etag = fetched["etag"]
    changed = local.run("tasks", "update", sid, "--priority", "3", "--if-match", etag)
    assert json.loads(changed.stdout)["priority"] == 3
    again = local.run("tasks", "update", sid, "--priority", "4", "--if-match", etag)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "412" in again.stderr
    assert local.run("tasks", "delete", sid, "--if-match", etag).exit_code == 1
    gone = local.run("tasks", "delete", sid)
    assert (gone.exit_code, gone.output) == (0, "")
    assert local.tasks() == []


def test_a_region_without_a_known_edge_is_wrong_usage() -> None:
    credentials = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "token"}
    words = ("tasks", "list", "--workspace", "WS" + "1" * 32)
    result = run(*words, **credentials, TWILIO_REGION="xx9")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the region 'xx9' has no edge that is known: give the edge too (TWILIO_EDGE)" in (
        result.stderr
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--priority", "high"], "must be a whole number"),
        (["--priority", "-1"], "priority: must be 0 to"),
        (["--attributes", "{"], "is not JSON"),
        (["--attributes", "[]"], "attributes: must be a mapping"),
        (["--virtual-start-time", "soon"], "must be a date and time like"),
        (["--virtual-start-time", "2020-01-02T03:04:05"], "must be an aware datetime"),
        (["--workflow-sid", "WW1"], "workflow_sid: must be a sid"),
        (["--timeout", "nan"], "not a finite number"),
        (["--timeout", "0"], "not in the range"),
        (["--prioritty", "1"], "--priority"),
    ],
)
def test_a_value_that_cannot_be_right_is_wrong_usage_and_nothing_is_sent(
    local: Service, options: list[str], said: str
) -> None:
    result = local.run("tasks", "create", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert not local.sandbox.requests


def test_what_is_no_sid_and_what_is_no_change_is_wrong_usage(local: Service) -> None:
    assert local.run("tasks", "fetch", "WT1").exit_code == 2
    assert "nothing to change" in local.run("tasks", "update", NOBODY).stderr
    result = run("tasks", "fetch", NOBODY, "--workspace", "WS1", **local.environment)
    assert (result.exit_code, result.stderr[:7]) == (2, "Error: ")
    assert "--workspace: must be a sid" in result.stderr


def test_missing_credentials_are_named() -> None:
    result = run("tasks", "list", "--workspace", "WS" + "0" * 32)
    assert result.exit_code == 2
    assert "TWILIO_ACCOUNT_SID" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_the_service_refuses_is_one_line_and_status_1(local: Service) -> None:
    result = local.run("tasks", "fetch", NOBODY)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "404" in result.stderr
    assert result.stderr.count("\n") == 1
    assert local.run("tasks", "list", TWILIO_AUTH_TOKEN="wrong").exit_code == 1


def test_a_service_that_is_not_there_is_one_line_and_status_1(local: Service, nowhere: str) -> None:
    options = ["--workspace", local.workspace, "--base-url", nowhere]
    result = run("tasks", "fetch", NOBODY, *options, **local.environment)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_plain_http_to_another_machine_has_to_be_allowed(local: Service) -> None:
    options = ["--workspace", local.workspace, "--base-url", "http://taskrouter.invalid:1"]
    refused = run("tasks", "fetch", NOBODY, *options, **local.environment)
    assert refused.exit_code == 2
    assert "--allow-insecure" in refused.stderr
    tried = run("tasks", "fetch", NOBODY, *options, "--allow-insecure", **local.environment)
    assert tried.exit_code == 1
    assert "Cannot connect to host taskrouter.invalid" in tried.stderr


def test_a_reader_that_leaves_ends_a_list_quietly(local: Service) -> None:
    for _ in range(150):  # more than a pipe holds
        created(local, "--attributes", json.dumps({"text": "x" * 1000}))
    listing = local.spawn("tasks", "list")
    assert listing.stdout is not None
    assert listing.stderr is not None
    json.loads(listing.stdout.readline())
    listing.stdout.close()
    assert listing.stderr.read() == b""
    listing.wait(LONG)
    listing.stderr.close()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize("words", [["tasks", "list"], ["tasks", "list", "--output", "table"]])
def test_what_cannot_be_written_is_one_line_and_status_1(local: Service, words: list[str]) -> None:
    created(local)
    with Path("/dev/full").open("wb") as full:
        listing = local.spawn(*words, stdout=full)
        assert (
            listing.communicate(timeout=LONG)[1] == b"Error: [Errno 28] No space left on device\n"
        )
    assert listing.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such shell")
@pytest.mark.parametrize(
    ("closed", "told"), [(">&-", b"Error: standard output is closed\n"), (">&- 2>&-", b"")]
)
def test_where_standard_output_is_closed_nothing_is_tried(
    local: Service, closed: str, told: bytes
) -> None:
    words = shlex.join([sys.executable, "-m", "aiotask", "tasks", "list", *local.options])
    done = subprocess.run(
        ["/bin/sh", "-c", f"{words} {closed}"],
        env=os.environ | local.environment,
        stderr=subprocess.PIPE,
        check=False,
        timeout=LONG,
    )
    assert (done.returncode, done.stderr) == (2, told)
    assert not local.sandbox.requests


def test_an_interrupt_ends_a_command_with_130(local: Service) -> None:
    local.sandbox.faults.next("GET", "/Tasks", "before_hang")
    listing = local.spawn("tasks", "list")
    wait_until(lambda: bool(local.sandbox.injected))
    listing.send_signal(signal.SIGINT)
    assert listing.communicate(timeout=LONG) == (b"", b"")
    assert listing.returncode == 130


def test_the_module_is_the_command() -> None:
    shown = spawn("--version")
    assert shown.communicate(timeout=LONG)[0].startswith(b"aiotask, version ")
    assert run("-h").exit_code == 0


@pytest.mark.parametrize("missing", ["click", "rich", "yaml"])
def test_without_its_extra_the_command_says_what_it_needs(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None\nfrom aiotask.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr == b"the command line needs its extra: pip install 'aiotask[cli]'\n"


def test_what_else_cannot_be_imported_is_not_taken_for_the_extra() -> None:
    code = "import sys; sys.modules['msgspec'] = None\nfrom aiotask.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"msgspec" in done.stderr
    assert done.returncode == 1


def test_a_workspace_is_found_by_its_name(local: Service) -> None:
    made = run_in(local, "Support", "tasks", "create")
    assert json.loads(made.stdout)["workspace_sid"] == local.workspace
    nobody = run_in(local, "Sales", "tasks", "list")
    assert (nobody.exit_code, nobody.stderr) == (
        2,
        "Error: --workspace: there is no workspace 'Sales'\n",
    )


def test_a_name_of_several_workspaces_names_none(local: Service) -> None:
    other = local.ask(lambda: local.sandbox.create_workspace("Support"))
    result = run_in(local, "Support", "tasks", "list")
    assert result.exit_code == 2
    assert "--workspace: several are called 'Support'; give a SID: " in result.stderr
    assert {local.workspace, other} == set(re.findall("WS[0-9a-f]{32}", result.stderr))


@pytest.mark.parametrize("name", ["", "WS1", "WT" + "0" * 32])
def test_what_is_meant_as_a_sid_is_not_looked_up(local: Service, name: str) -> None:
    result = run_in(local, name, "tasks", "list")
    assert result.exit_code == 2
    assert "must be a sid: WS" in result.stderr
    assert not local.sandbox.requests


def test_a_workspace_of_the_environment_is_one_of_an_option_and_an_empty_one_is_none(
    local: Service,
) -> None:
    around = {**local.environment, "AIOTASK_BASE_URL": local.sandbox.url}
    made = run("tasks", "create", **around, AIOTASK_WORKSPACE="Support")
    assert json.loads(made.stdout)["workspace_sid"] == local.workspace
    none = run("tasks", "list", **around, AIOTASK_WORKSPACE="")
    assert none.exit_code == 2
    assert "Missing option '--workspace'" in none.stderr


def run_in(local: Service, workspace: str, *words: str) -> Result:
    options = ["--workspace", workspace, "--base-url", local.sandbox.url]
    return run(*words, *options, **local.environment)
