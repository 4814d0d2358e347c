"""Pytest plugin: fixtures for a sandbox and a client of it.

pytest loads this module wherever aiotask is installed, so it loads the rest of aiotask only when a
test uses a fixture.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from inspect import iscoroutinefunction
from typing import Any

import pytest

import aiotask

_MARKER = (
    "taskrouter(contents, **settings): what the taskrouter_sandbox of a test holds (as for "
    "aiotask.sandbox.Sandbox.fill), and the settings of that Sandbox"
)
# Without pytest-asyncio, anyio's plugin runs the fixtures, which it recognises as coroutines.
_fixture: Callable[[Callable[..., Any]], object] = pytest.fixture
if find_spec("pytest_asyncio") is not None:
    _fixture = import_module("pytest_asyncio").fixture


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, as ``--strict-markers`` requires."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture(scope="session")
def taskrouter_settings() -> "aiotask.sandbox.SandboxSettings":
    """Give the settings of all sandboxes of a run; override it in a conftest.py."""
    return {}


@pytest.fixture(scope="session")
def taskrouter_session_sandbox(
    taskrouter_settings: "aiotask.sandbox.SandboxSettings",
) -> "Iterator[aiotask.sandbox.ThreadedSandbox]":
    """Serve one sandbox for all tests of a run, from a thread of its own; it begins empty."""
    with aiotask.sandbox.Sandbox.in_thread(**taskrouter_settings) as sandbox:
        yield sandbox


@pytest.fixture
def taskrouter_sandbox(
    request: pytest.FixtureRequest,
) -> "aiotask.sandbox.Sandbox | aiotask.sandbox.ThreadedSandbox":
    """Serve a sandbox for one test: a Sandbox for a coroutine, else a ThreadedSandbox.

    ``@pytest.mark.taskrouter({"Support": {"tasks": [...]}}, faults=0.1, seed=1)`` on a test, a
    class or a module sets its contents and its behaviour.
    """
    # The loop of a fixture that is a coroutine does not run during a test that is none.
    kind = "_taskrouter_sandbox" if _is_coroutine(request) else "_taskrouter_threaded_sandbox"
    sandbox: aiotask.sandbox.Sandbox | aiotask.sandbox.ThreadedSandbox
    sandbox = request.getfixturevalue(kind)
    return sandbox


@_fixture
async def taskrouter_client(
    taskrouter_sandbox: "aiotask.sandbox.Sandbox",
) -> "AsyncIterator[aiotask.Client]":
    """Give a client of the sandbox, whose retries do not wait, to a test that is a coroutine."""
    sandbox = taskrouter_sandbox
    client = aiotask.Client(
        sandbox.account_sid,
        sandbox.auth_token,
        base_url=sandbox.url,
        retry=aiotask.RetryPolicy(longest_wait=0),
    )
    async with client:
        yield client


@_fixture
async def _taskrouter_sandbox(
    request: pytest.FixtureRequest, taskrouter_settings: "aiotask.sandbox.SandboxSettings"
) -> "AsyncIterator[aiotask.sandbox.Sandbox]":
    contents, settings = _marked(request, taskrouter_settings)
    async with aiotask.sandbox.Sandbox(**settings) as sandbox:
        sandbox.fill(contents)
        yield sandbox


@pytest.fixture
def _taskrouter_threaded_sandbox(
    request: pytest.FixtureRequest, taskrouter_settings: "aiotask.sandbox.SandboxSettings"
) -> "Iterator[aiotask.sandbox.ThreadedSandbox]":
    contents, settings = _marked(request, taskrouter_settings)
    with aiotask.sandbox.Sandbox.in_thread(**settings) as sandbox:
        sandbox.fill(contents)
        yield sandbox


def _marked(
    request: pytest.FixtureRequest, settings: "aiotask.sandbox.SandboxSettings"
) -> "tuple[dict[str, Any], aiotask.sandbox.SandboxSettings]":
    """Return the contents and settings of the markers of a test, beside those of the run."""
    contents: dict[str, Any] = {}
    # The closest marker comes first and overrides the others.
    for marker in reversed(list(request.node.iter_markers("taskrouter"))):
        contents |= marker.args[0] if marker.args else {}
        settings = {**settings, **marker.kwargs}
    return contents, settings


def _is_coroutine(request: pytest.FixtureRequest) -> bool:
    """Tell whether a test is a coroutine, also one within hypothesis."""
    test = getattr(request.node, "function", None)
    given = getattr(test, "hypothesis", None)
    return iscoroutinefunction(getattr(given, "inner_test", test))
