"""The fixtures that come with aiotask, as somebody else's tests use them."""

import subprocess
import sys
from pathlib import Path

import pytest

from aiotask import Client
from aiotask.sandbox import Sandbox

TESTS = """
import aiotask
import pytest

pytestmark = pytest.mark.taskrouter({"Support": {"template": "FIFO"}})

async def test_a_client_and_its_sandbox(taskrouter_sandbox, taskrouter_client):
    held = taskrouter_sandbox.snapshot()["Support"]
    workspace = taskrouter_client.taskrouter.workspace(held["sid"])
    task = await workspace.tasks.create(attributes={"n": 1})
    (found,) = taskrouter_sandbox.snapshot()["Support"]["tasks"]
    assert (found["sid"], found["attributes"]) == (task.sid, {"n": 1})

@pytest.mark.taskrouter({"Sales": {"template": "FIFO", "tasks": [{"priority": 5}]}}, rate=1)
async def test_what_a_marker_adds(taskrouter_sandbox):
    held = taskrouter_sandbox.snapshot()
    assert sorted(held) == ["Sales", "Support"]
    assert [task["priority"] for task in held["Sales"]["tasks"]] == [5]

async def test_every_test_has_a_sandbox_of_its_own(taskrouter_sandbox):
    assert taskrouter_sandbox.snapshot()["Support"]["tasks"] == []

async def test_a_scripted_fault(taskrouter_sandbox, taskrouter_client):
    sid = taskrouter_sandbox.snapshot()["Support"]["sid"]
    taskrouter_sandbox.faults.next("POST", "/Tasks", "after_reset")
    with pytest.raises(aiotask.ConnectionLostError):
        await taskrouter_client.taskrouter.workspace(sid).tasks.create()
    assert len(taskrouter_sandbox.snapshot()["Support"]["tasks"]) == 1
"""


@pytest.mark.taskrouter({"Support": {"template": "FIFO"}}, seed=1)
async def test_the_fixtures_are_here_too(
    taskrouter_sandbox: Sandbox, taskrouter_client: Client
) -> None:
    sid = taskrouter_sandbox.snapshot()["Support"]["sid"]
    task = await taskrouter_client.taskrouter.workspace(sid).tasks.create()
    assert [each.sid for each in taskrouter_sandbox.tasks(sid)] == [task.sid]


def run(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(
        [*command, *options, str(folder)], check=False, capture_output=True, text=True, cwd=folder
    )
    return done.stdout


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_fixtures_work_in_both_modes_of_pytest_asyncio(tmp_path: Path, mode: str) -> None:
    tests = (
        TESTS if mode == "auto" else TESTS.replace("async def", "@pytest.mark.asyncio\nasync def")
    )
    (tmp_path / "test_others.py").write_text(tests)
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n"
        "addopts = --strict-markers\nfilterwarnings = error\n"
    )
    assert "4 passed" in (told := run(tmp_path)), told


def test_the_fixtures_work_for_anyio_alone(tmp_path: Path) -> None:
    marked = TESTS.replace("pytestmark = ", "pytestmark = [pytest.mark.anyio, ") + "\n"
    tests = marked.replace('"FIFO"}})\n\nasync', '"FIFO"}})]\n\nasync')
    (tmp_path / "test_others.py").write_text(tests)
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    assert "4 passed" in (told := run(tmp_path, "-p", "no:asyncio")), told


def test_a_run_that_uses_no_fixture_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_others.py").write_text(
        "import sys\n"
        "def test_nothing():\n"
        "    loaded = {'aiotask._client', 'aiotask.sandbox', 'aiohttp', 'attrs'}\n"
        "    assert not loaded & set(sys.modules)\n"
    )
    assert "1 passed" in (told := run(tmp_path, "-p", "no:aioresponses")), told


def test_the_marker_and_the_fixtures_are_documented(tmp_path: Path) -> None:
    assert "@pytest.mark.taskrouter(contents, **settings)" in run(tmp_path, "--markers")
    fixtures = run(tmp_path, "--fixtures")
    assert "taskrouter_sandbox" in fixtures
    assert "taskrouter_client" in fixtures
