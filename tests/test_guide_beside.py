"""Code of the guide that needs more than a sandbox: a proxy, a broker, an engine, a user."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import click
import pytest

from aiotask.cli import main
from aiotask.cli.engines import make_engine_tables
from aiotask.guide.hooks import ROOT
from tests.cli.commands import Service, lines
from tests.cli.test_connecting import HOST, OURS, proxy_to
from tests.cli.test_console import fetched
from tests.guide_blocks import GUIDE, blocks
from tests.guide_programs import environment, local, new_journal, ran

__all__ = ["local"]

ROWS = 50
PATIENCE = 120.0  # seconds, on a machine that is busy with something else
# Answers that take long on a busy machine are all that may be wrong.
DOCTOR = """
aiotask() {
    if [ "$1" != doctor ]; then command aiotask "$@"; return; fi
    command aiotask "$@" > doctor.txt || { if grep "^WRONG  [^l]" doctor.txt >&2; then exit 1; fi; }
    cat doctor.txt
}
"""
DELIVERED_TWICE = """
from celery.contrib.testing.worker import start_worker
from program import app, order

app.conf.update(broker_url="memory://", result_backend="cache+memory://")
with start_worker(app, perform_ping_check=False):
    for _ in range(2):
        print(order.delay(17).get(timeout=60))
"""


@pytest.mark.parametrize("block", blocks("python", "celery"))
def test_a_message_that_celery_delivers_twice_makes_one_task(
    local: Service, tmp_path: Path, block: str
) -> None:
    (tmp_path / "program.py").write_text(block, encoding="utf-8")
    done = ran([sys.executable, "-c", DELIVERED_TWICE], tmp_path, environment(local))
    first, second = done.stdout.splitlines()
    assert first == second
    assert [task.sid for task in local.tasks()] == [first]


@pytest.mark.parametrize(
    ("block", "command"),
    [
        *((each.values[0], [sys.executable, "-c"]) for each in blocks("python", "proxy")),
        *((each.values[0], ["/bin/bash", "-euc"]) for each in blocks("sh", "proxy")),
    ],
    ids=str,
)
def test_what_stands_behind_a_proxy_goes_through_it(
    local: Service, tmp_path: Path, block: str, command: list[str]
) -> None:
    OURS.cert_pem.write_to_path(str(tmp_path / "corporate-ca.pem"))
    with proxy_to(local.sandbox.url) as proxy:
        text = block.replace("http://user:password@proxy.example:3128", proxy.url)
        assert text != block
        around = environment(local, AIOTASK_BASE_URL=f"https://{HOST}", NO_PROXY="", no_proxy="")
        if "bash" in command[0]:
            text = DOCTOR + text
        done = ran([*command, text], tmp_path, around)
        assert ("the certificate is trusted" in done.stdout) == ("aiotask doctor" in block)
        assert set(proxy.tunnels) == {f"{HOST}:443"}


@pytest.mark.parametrize("block", blocks("python", "worker"))
def test_a_worker_of_the_guide_does_the_rows_of_others_until_it_is_told_to_end(
    request: pytest.FixtureRequest, local: Service, tmp_path: Path, block: str
) -> None:
    more = {"JOURNAL": new_journal(request)}
    if "procrastinate" in block:
        make_engine_tables(more["JOURNAL"])
    else:
        more["BROKER"] = request.getfixturevalue("rabbitmq").url
    (tmp_path / "rows.jsonl").write_text(lines(ROWS))
    load = ["tasks", "import", "rows.jsonl", "--journal", more["JOURNAL"]]
    around = environment(local, **more)
    ran([sys.executable, "-m", "aiotask", *load, "--job", "spring", "--detach"], tmp_path, around)
    with subprocess.Popen(
        [sys.executable, "-c", block], env=around, stderr=subprocess.PIPE, text=True
    ) as worker:
        try:
            until = time.monotonic() + PATIENCE
            while len(local.tasks()) < ROWS and worker.poll() is None:
                assert time.monotonic() < until, "the rows are not done"
                time.sleep(0.05)
            worker.send_signal(signal.SIGTERM)
            _, told = worker.communicate(timeout=PATIENCE)
        finally:
            worker.kill()
    assert worker.returncode == 0, told
    assert "Traceback" not in told  # the engines themselves tell this and that
    assert len(local.tasks()) == ROWS


@pytest.mark.parametrize("block", blocks("sh", "login"))
def test_what_login_is_told_is_used_by_the_commands_after_it(
    local: Service, tmp_path: Path, block: str
) -> None:
    settings = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    around = environment(local, **settings)
    for name in [*local.environment, "AIOTASK_WORKSPACE"]:
        del around[name]
    done = subprocess.run(
        ["/bin/bash", "-euc", DOCTOR + block],
        cwd=tmp_path,
        input="\n".join(local.environment.values()) + "\n",
        check=False,
        capture_output=True,
        text=True,
        env=around,
        start_new_session=True,  # without a terminal that it could ask
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert local.environment["TWILIO_AUTH_TOKEN"] not in done.stdout + done.stderr
    assert ("from the profile 'staging'" in done.stdout) == ("doctor" in block)


@pytest.mark.parametrize("block", blocks("sh", "page"))
def test_the_page_that_is_told_of_is_there(local: Service, block: str) -> None:
    with subprocess.Popen(
        ["/bin/bash", "-euc", block],
        env=environment(local),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        assert command.stdout is not None
        try:
            assert "At a glance" in fetched(command.stdout.readline())
        finally:
            os.killpg(command.pid, signal.SIGINT)
        assert command.wait(PATIENCE) == 0


@pytest.mark.parametrize("block", blocks("python", "metrics"))
def test_prometheus_gets_the_metrics_that_are_told_of(
    local: Service, tmp_path: Path, block: str
) -> None:
    done = ran([sys.executable, "-c", block], tmp_path, environment(local, METRICS_PORT="0"))
    got = set(re.findall(r"^# TYPE (aiotask_\w+?)(?:_total)? ", done.stdout, re.MULTILINE))
    page = (GUIDE / "pages/how-to/metrics.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^(aiotask_\w+?)(?:_total)?(?: |$)", page, re.MULTILINE))
    # Nothing was refused or repeated here.
    assert got | {"aiotask_client_refusals", "aiotask_client_retries"} == told
    assert {"aiotask_client_requests", "aiotask_bulk_outcomes"} <= got
    line = 'aiotask_bulk_outcomes_total{aiotask_operation="tasks.create",aiotask_outcome="Created"'
    assert line in done.stdout


@pytest.mark.parametrize("block", blocks("dockerfile"))
def test_a_container_installs_extras_that_there_are_and_runs_a_command_that_there_is(
    block: str,
) -> None:
    (wanted,) = re.findall(r"'aiotask\[([\w,]+)\]'", block)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(wanted.split(",")) <= set(project["optional-dependencies"])
    (words,) = (json.loads(each) for each in re.findall(r"^CMD (.*)$", block, re.MULTILINE))
    if words[:2] == ["sh", "-c"]:
        words = shlex.split(words[2].replace("$JOURNAL", "postgresql://db/aiotask"))
        assert words.pop(0) == "exec"  # so that signals come to the command
    assert words.pop(0) == "aiotask"
    main.load()
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    with command.make_context(command.name, words):
        pass  # every option is one, and every value of its type
