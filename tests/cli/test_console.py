"""The console command: the page that it serves, and its end."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.commands import LONG, Service, run, service, spawn, wait_until


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def printed(command: subprocess.Popen[bytes], lines: int = 1) -> str:
    assert command.stdout is not None
    return "".join(command.stdout.readline().decode() for _ in range(lines))


def fetched(text: str) -> str:
    (url,) = re.findall(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", text)
    with urlopen(Request(url, headers={"Accept": "text/html"}), timeout=LONG) as answer:  # noqa: S310 - http
        return str(answer.read().decode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("by", ["sid", "name"])
def test_it_serves_the_page_whose_url_it_prints_until_it_is_stopped(
    local: Service, number: signal.Signals, by: str
) -> None:
    workspace = local.workspace if by == "sid" else "Support"
    console = spawn(
        *("console", "--workspace", workspace, "--base-url", local.sandbox.url),
        environment=local.environment,
    )
    told = printed(console)
    assert told.startswith("Support at http://127.0.0.1:")
    page = fetched(told)
    assert "At a glance" in page
    assert local.sandbox.auth_token not in page
    console.send_signal(number)
    assert console.communicate(timeout=LONG) == (b"", b"")
    assert console.returncode == 0


def test_without_a_workspace_it_offers_those_of_the_account(local: Service) -> None:
    local.ask(lambda: local.sandbox.create_workspace("Sales"))
    console = spawn("console", "--base-url", local.sandbox.url, environment=local.environment)
    told = printed(console)
    assert told.startswith("all workspaces at http://127.0.0.1:")
    page = fetched(told)
    for name in ("Support", "Sales"):
        assert f">{name}</a>" in page
    console.send_signal(signal.SIGINT)
    assert console.communicate(timeout=LONG) == (b"", b"")


def test_a_wrong_token_is_told_at_once(local: Service) -> None:
    wrong = local.environment | {"TWILIO_AUTH_TOKEN": "wrong"}
    result = run("console", "--base-url", local.sandbox.url, **wrong)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "401" in result.stderr


@pytest.mark.parametrize("options", [(), ("--allow-changes",)])
def test_it_only_looks_unless_changes_are_allowed(local: Service, options: tuple[str, ...]) -> None:
    console = local.spawn("console", *options)
    assert ("Create a task" in fetched(printed(console))) is bool(options)
    console.send_signal(signal.SIGINT)
    console.communicate(timeout=LONG)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - of a test
def test_every_sandbox_prints_the_url_of_its_page(host: str) -> None:
    sandbox = spawn("sandbox", "--port", "0", "--host", host)
    page = fetched(printed(sandbox, 2))
    assert "At a glance" in page
    assert "Create a task" in page
    sandbox.send_signal(signal.SIGINT)
    sandbox.communicate(timeout=LONG)
    assert sandbox.returncode == 0


def test_a_port_that_is_taken_is_wrong_usage(local: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = local.run("console", "--port", port)
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert "choose another with --port" in result.stderr


def test_a_workspace_that_is_not_there_is_told_at_once(local: Service) -> None:
    result = run(
        *("console", "--workspace", f"WS{'0' * 32}", "--base-url", local.sandbox.url),
        **local.environment,
    )
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not found" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems open URLs in other ways")
def test_the_page_is_opened_in_the_browser(local: Service, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    program = tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    program.chmod(0o700)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    console = spawn(
        *("console", "--workspace", local.workspace, "--base-url", local.sandbox.url, "--open"),
        environment={**local.environment, "PATH": path},
    )
    told = printed(console)
    wait_until(opened.exists)
    assert f" {opened.read_text().strip()}," in told
    console.send_signal(signal.SIGINT)
    console.communicate(timeout=LONG)
    assert console.returncode == 0
