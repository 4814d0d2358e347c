"""The fixtures that come with aiotask, as somebody else's tests use them."""

from pathlib import Path

import pytest

from aiotask import Client
from aiotask.sandbox import Sandbox
from tests.other_pytest import told_by_pytest

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

LOOP_SCOPE = "asyncio_default_fixture_loop_scope = function\n"
PLAIN_TESTS = """
import json
import urllib.request
from base64 import b64encode
from urllib.parse import urlencode

import pytest
from twilio.rest import Client

pytestmark = pytest.mark.taskrouter({"Support": {"template": "FIFO"}})

@pytest.fixture(scope="session")
def taskrouter_settings():
    return {"account_sid": "AC" + "5" * 32}

def twilio_client(sandbox):
    client = Client(sandbox.account_sid, sandbox.auth_token)
    client.taskrouter.base_url = sandbox.url
    return client

def test_twilio_python(taskrouter_sandbox):
    (sid,) = taskrouter_sandbox.workspaces
    made = twilio_client(taskrouter_sandbox).taskrouter.v1.workspaces(sid).tasks.create(priority=3)
    (stored,) = taskrouter_sandbox.tasks(sid)
    assert (stored.sid, stored.priority) == (made.sid, 3)
    assert made.account_sid == "AC" + "5" * 32
    taskrouter_sandbox.advance(hours=25)
    assert taskrouter_sandbox.tasks(sid) == []

class TestIt:
    @pytest.mark.taskrouter(auth_token="secret")
    def test_urllib(self, taskrouter_sandbox):
        sandbox = taskrouter_sandbox
        assert sandbox.auth_token == "secret"
        url = f"{sandbox.url}/v1/Workspaces/{sandbox.workspaces[0]}/Tasks"
        login = b64encode(f"{sandbox.account_sid}:secret".encode()).decode()
        body = urlencode({"Priority": 4}).encode()
        request = urllib.request.Request(url, body, {"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["priority"] == 4

def test_a_session_has_one_sandbox(taskrouter_session_sandbox):
    kept = taskrouter_session_sandbox.create_workspace("Kept")
    assert taskrouter_session_sandbox.workspaces == [kept]

def test_it_keeps_what_another_test_left(taskrouter_session_sandbox, taskrouter_sandbox):
    session = taskrouter_session_sandbox
    assert list(session.snapshot()) == ["Kept"]
    assert session.account_sid == "AC" + "5" * 32
    assert session.url != taskrouter_sandbox.url
    assert len(twilio_client(session).taskrouter.v1.workspaces.list()) == 1
"""

BOTH = """
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from aiotask.sandbox import Sandbox, ThreadedSandbox

fixed = settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])

def test_a_function(taskrouter_sandbox):
    assert isinstance(taskrouter_sandbox, ThreadedSandbox)

@fixed
@given(st.integers())
def test_a_property(taskrouter_sandbox, number):
    assert isinstance(taskrouter_sandbox, ThreadedSandbox)

async def test_a_coroutine(taskrouter_sandbox, taskrouter_session_sandbox):
    assert isinstance(taskrouter_sandbox, Sandbox)
    assert isinstance(taskrouter_session_sandbox, ThreadedSandbox)

@fixed
@given(st.integers())
async def test_a_property_of_coroutines(taskrouter_sandbox, number):
    assert isinstance(taskrouter_sandbox, Sandbox)
"""


@pytest.mark.taskrouter({"Support": {"template": "FIFO"}}, seed=1)
async def test_the_fixtures_are_here_too(
    taskrouter_sandbox: Sandbox, taskrouter_client: Client
) -> None:
    sid = taskrouter_sandbox.snapshot()["Support"]["sid"]
    task = await taskrouter_client.taskrouter.workspace(sid).tasks.create()
    assert [each.sid for each in taskrouter_sandbox.tasks(sid)] == [task.sid]


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
    assert "4 passed" in (told := told_by_pytest(tmp_path)), told


def test_the_fixtures_work_for_anyio_alone(tmp_path: Path) -> None:
    marked = TESTS.replace("pytestmark = ", "pytestmark = [pytest.mark.anyio, ") + "\n"
    tests = marked.replace('"FIFO"}})\n\nasync', '"FIFO"}})]\n\nasync')
    (tmp_path / "test_others.py").write_text(tests)
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    assert "4 passed" in (told := told_by_pytest(tmp_path, plugins=("anyio",))), told


@pytest.mark.parametrize("plugins", [("asyncio", "anyio"), ("anyio",), ("asyncio",)])
def test_a_test_that_is_no_coroutine_can_use_the_sandbox(
    tmp_path: Path, plugins: tuple[str, ...]
) -> None:
    (tmp_path / "test_others.py").write_text(PLAIN_TESTS)
    scope = LOOP_SCOPE if "asyncio" in plugins else ""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = error\n{scope}")
    assert "4 passed" in (told := told_by_pytest(tmp_path, plugins=plugins)), told


def test_each_test_gets_the_sandbox_that_fits_it(tmp_path: Path) -> None:
    (tmp_path / "test_others.py").write_text(BOTH)
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = auto\nfilterwarnings = error\n{LOOP_SCOPE}"
    )
    assert "4 passed" in (
        told := told_by_pytest(tmp_path, plugins=("asyncio", "hypothesispytest"))
    ), told


def test_a_run_that_uses_no_fixture_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_others.py").write_text(
        "import sys\n"
        "def test_nothing():\n"
        "    loaded = {'aiotask._client', 'aiotask.sandbox', 'aiohttp', 'attrs'}\n"
        "    assert not loaded & set(sys.modules)\n"
    )
    assert "1 passed" in (told := told_by_pytest(tmp_path, "-p", "no:aioresponses")), told


def test_the_marker_and_the_fixtures_are_documented(tmp_path: Path) -> None:
    assert "@pytest.mark.taskrouter(contents, **settings)" in told_by_pytest(tmp_path, "--markers")
    fixtures = told_by_pytest(tmp_path, "--fixtures")
    assert "taskrouter_sandbox" in fixtures
    assert "taskrouter_client" in fixtures
    assert "taskrouter_session_sandbox" in fixtures
    assert "_taskrouter_threaded_sandbox" not in fixtures
