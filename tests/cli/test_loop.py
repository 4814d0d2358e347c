"""Commands in both event loops: uvloop, and asyncio where uvloop is not installed."""

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from aiotask.cli.loop import loop_name, run
from tests.cli.commands import LONG, Service, lines, numbers, service, spawn, wait_until

UVLOOP = pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed")


@pytest.fixture(params=[pytest.param("uvloop", marks=UVLOOP), "asyncio"])
def loop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the loop that commands in their own process use."""
    if request.param == "asyncio":
        hidden = tmp_path / "hidden"
        hidden.mkdir()
        (hidden / "uvloop.py").write_text("raise ModuleNotFoundError\n")
        monkeypatch.setenv("PYTHONPATH", str(hidden))
    return str(request.param)


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def test_the_version_names_the_loop(loop: str) -> None:
    shown = spawn("--version").communicate(timeout=LONG)[0].decode()
    assert shown.startswith("aiotask, version ")
    assert f"({loop}" in shown


def test_this_process_runs_in_the_loop_that_is_named() -> None:
    async def module() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert run(module()) == loop_name().split()[0]


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_import_from_a_silent_pipe(local: Service, number: signal.Signals) -> None:
    running = local.spawn("tasks", "import", "-", stdin=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(lines(20).encode())
    running.stdin.flush()
    wait_until(lambda: len(local.tasks()) == 20)
    running.send_signal(number)
    assert running.wait(LONG) == 130
    assert b"stopping: " in running.communicate()[1]
    assert numbers(local) == Counter(range(1, 21))


@pytest.mark.usefixtures("loop")
def test_a_second_signal_cancels_an_import(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(3))
    for _ in range(2):
        local.sandbox.faults.next("POST", "/Tasks", "before_hang")
    running = local.spawn("tasks", "import", str(file))
    assert running.stderr is not None
    wait_until(lambda: local.sandbox.injected.total() == 2)
    running.send_signal(signal.SIGINT)
    assert running.stderr.readline().startswith(b"stopping: 2 rows are under way")
    running.send_signal(signal.SIGINT)
    assert b"ended at once: lines 1-2 " in running.communicate(timeout=LONG)[1]
    assert running.returncode == 130


@pytest.mark.usefixtures("loop")
def test_an_interrupt_ends_a_call(local: Service) -> None:
    local.sandbox.faults.next("GET", "/Tasks", "before_hang")
    listing = local.spawn("tasks", "list")
    wait_until(lambda: bool(local.sandbox.injected))
    listing.send_signal(signal.SIGINT)
    assert listing.communicate(timeout=LONG) == (b"", b"")
    assert listing.returncode == 130


@pytest.mark.usefixtures("loop")
def test_the_demo_runs_and_kills_its_import(tmp_path: Path) -> None:
    demo = spawn("demo", "--tasks", "20", "--faults", "0", environment={"TMPDIR": str(tmp_path)})
    out, said = demo.communicate(timeout=LONG)
    assert demo.returncode == 0, said
    assert b"killed the import (SIGKILL) after " in said
    assert b"no row lost, none twice" in out


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_sandbox(number: signal.Signals) -> None:
    sandbox = spawn("sandbox", "--port", "0")
    assert sandbox.stdout is not None
    assert sandbox.stdout.readline().startswith(b"TaskRouter sandbox at ")
    sandbox.send_signal(number)
    assert sandbox.communicate(timeout=LONG)[1] == b""
    assert sandbox.returncode == 0
