"""The sandbox command: what it prints, its options, its end."""

import base64
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aiotask.cli.documents import yaml_text
from tests.cli.commands import LONG, run, service, spawn
from tests.sweeps import sweep


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_the_sandbox_prints_is_all_that_is_needed_to_use_it(number: signal.Signals) -> None:
    sandbox = spawn("sandbox", "--port", "0", "--seed", "1", environment={"TWILIO_API_KEY": "SK1"})
    assert sandbox.stdout is not None
    printed = [sandbox.stdout.readline().decode() for _ in range(9)]
    assert printed[3] == "unset TWILIO_API_KEY\n"
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "".join(printed[3:]).replace("aiotask tasks", "python -m aiotask tasks")
    done = subprocess.run(  # noqa: S602 - what a user is told to type
        script,
        shell=True,
        capture_output=True,
        check=True,
        env={**os.environ, "TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "s", "PATH": here},
    )
    assert json.loads(done.stdout)["attributes"] == {"type": "support"}
    sandbox.send_signal(number)
    assert sandbox.communicate(timeout=LONG) == (b"", b"")
    assert sandbox.returncode == 0


def exported(sandbox: subprocess.Popen[bytes]) -> dict[str, str]:
    """Return what a sandbox prints to be exported."""
    assert sandbox.stdout is not None
    found = {}
    while (line := sandbox.stdout.readline().decode()) and not line.startswith("aiotask "):
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            found[name] = value
    return found


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Give an environment with what a sandbox exports."""
    sandbox = spawn("sandbox", "--port", "0")
    yield exported(sandbox)
    sandbox.send_signal(signal.SIGINT)
    sandbox.communicate(timeout=LONG)


def test_the_first_program_of_the_readme_runs_with_what_is_exported(
    environment: dict[str, str], tmp_path: Path
) -> None:
    readme = Path(__file__).parents[2] / "README.md"
    program = re.findall(r"^```python\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)[0]
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **environment},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "import.db").exists()
    listed = run("tasks", "list", **environment).stdout
    assert listed.count('"ticket') == listed.count("\n") == 1000


def test_commands_need_no_option_with_what_is_exported(environment: dict[str, str]) -> None:
    made = json.loads(run("tasks", "create", "--attributes", "{}", **environment).stdout)
    fetched = run("tasks", "fetch", made["sid"], "--workspace", "Sandbox", **environment)
    assert json.loads(fetched.stdout)["sid"] == made["sid"]
    other = run("tasks", "list", "--base-url", "http://127.0.0.1:1", **environment)
    assert (other.exit_code, other.stdout) == (1, "")


def test_a_sandbox_of_several_workspaces_says_so(tmp_path: Path) -> None:
    held = tmp_path / "held.json"
    held.write_text(json.dumps({"Support": {}, "Sales": {}, "People": {}}))
    sandbox = spawn("sandbox", "--port", "0", "--fill", str(held))
    assert sandbox.stdout is not None
    line = [sandbox.stdout.readline().decode() for _ in range(2)][1]
    assert re.match(r"workspace WS[0-9a-f]{32} and 2 more in the browser at http://", line)
    sandbox.send_signal(signal.SIGINT)
    sandbox.communicate(timeout=LONG)


def test_a_sandbox_on_every_address_shows_one_that_can_be_used() -> None:
    sandbox = spawn("sandbox", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - is to be shown
    assert sandbox.stdout is not None
    assert b" at http://127.0.0.1:" in sandbox.stdout.readline()
    sandbox.send_signal(signal.SIGINT)
    sandbox.communicate(timeout=LONG)


@pytest.mark.parametrize(
    ("options", "statuses"),
    sweep(
        [
            (
                ["--faults", "1", "--fault-kind", "before_429", "--late", "1", "--index-lag", "2"],
                [429] * 12,
            ),
            (["--expression-rate", "1"], [200] * 10 + [429] * 2),
            (["--faults", "1", "--fault-kind", "before_502"], [502] * 12),
            (["--expression-rate", "0"], [200] * 12),
        ],
        usual=2,
    ),
)
def test_a_sandbox_misbehaves_as_it_is_told(options: list[str], statuses: list[int]) -> None:
    sandbox = spawn("sandbox", "--port", "0", *options)
    assert sandbox.stdout is not None
    printed = [sandbox.stdout.readline().decode() for _ in range(6)]
    address = urlsplit(printed[0].split()[3].strip(","))
    account, token = (line.strip().partition("=")[2] for line in printed[3:5])
    credentials = base64.b64encode(f"{account}:{token}".encode()).decode()
    path = f"/v1/Workspaces/{printed[1].split()[1]}/Tasks?EvaluateTaskAttributes=a+%3D%3D+1"
    connection = HTTPConnection(address.hostname or "", address.port, timeout=LONG)
    found = []
    for _ in statuses:
        connection.request("GET", path, headers={"Authorization": f"Basic {credentials}"})
        answer = connection.getresponse()
        answer.read()
        found.append(answer.status)
    connection.close()
    sandbox.send_signal(signal.SIGINT)
    sandbox.communicate(timeout=LONG)
    assert found == statuses


def test_a_sandbox_runs_and_stops_in_this_process_too() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    connection = HTTPConnection("127.0.0.1", port, timeout=LONG)

    def interrupt() -> None:
        while True:
            try:
                connection.request("GET", "/v1/Workspaces")
            except ConnectionRefusedError:
                connection.close()
                continue
            connection.getresponse().read()
            os.kill(os.getpid(), signal.SIGTERM)
            return

    thread = threading.Thread(target=interrupt)
    thread.start()
    options = ["--latency", "0.1", "--rate", "10", "--in-flight", "3", "--faults", "0"]
    result = run("sandbox", "--port", str(port), *options)
    thread.join()
    connection.close()
    assert result.exit_code == 0
    words = [line for line in result.stdout.splitlines() if line.startswith("aiotask ")]
    assert f"http://127.0.0.1:{port}" in shlex.split(words[0])
    assert "unset" not in result.stdout


def test_a_port_that_is_taken_is_wrong_usage() -> None:
    with service() as local:
        port = local.sandbox.url.rpartition(":")[2]
        result = run("sandbox", "--port", port)
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}: " in result.stderr
    assert "choose another with --port" in result.stderr


@pytest.mark.parametrize(
    "option",
    [
        ["--rate", "0"],
        ["--rate", "inf"],
        ["--latency", "-1"],
        ["--late", "-1"],
        ["--index-lag", "inf"],
        ["--fault-kind", "late"],
        ["--faults", "2"],
        ["--in-flight", "0"],
        ["--port", "65536"],
        ["--host", "no such host"],
    ],
)
def test_a_setting_that_cannot_work_is_wrong_usage(option: list[str]) -> None:
    result = run("sandbox", "--port", "0", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr


CONTENTS = {
    "Support": {
        "template": "FIFO",
        "workers": [{"friendly_name": "Ana", "activity_sid": "Available"}],
        "tasks": [{"attributes": {"n": 1}}],
    }
}


@pytest.mark.parametrize("name", ["support.json", "support.yaml"])
def test_a_sandbox_is_filled_from_a_file(tmp_path: Path, name: str) -> None:
    held = tmp_path / name
    text = yaml_text if name.endswith("yaml") else json.dumps
    held.write_text(text(CONTENTS))
    sandbox = spawn("sandbox", "--port", "0", "--fill", str(held))
    assert sandbox.stdout is not None
    printed = [sandbox.stdout.readline().decode() for _ in range(6)]
    workspace, account = (
        printed[1].split()[1],
        dict(line.split()[1].split("=") for line in printed[3:5]),
    )
    base = printed[0].split()[3].rstrip(",")
    done = run("tasks", "list", "--workspace", workspace, "--base-url", base, **account)
    (task,) = map(json.loads, done.stdout.splitlines())
    assert (task["attributes"], task["assignment_status"]) == ({"n": 1}, "reserved")
    sandbox.send_signal(signal.SIGINT)
    sandbox.communicate(timeout=LONG)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot read"),
        ("[]", "must have workspaces by name, or one workspace"),
        ('{"Support": {"tasks": [{}]}}', "Support.tasks[0]: WorkflowSid is required"),
        ('{"Support": 5}', "Support: must be a mapping, not int"),
    ],
)
def test_contents_that_cannot_be_are_wrong_usage(tmp_path: Path, text: str, reason: str) -> None:
    held = tmp_path / "support.json"
    held.write_text(text)
    done = run("sandbox", "--port", "0", "--fill", str(held))
    assert done.exit_code == 2
    assert reason in done.stderr
