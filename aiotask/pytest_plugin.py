"""Pytest plugin: fixtures for a sandbox and a client of it.

pytest loads this module wherever aiotask is installed, so it loads the rest of aiotask only when a
test uses a fixture.
"""

from collections.abc import AsyncIterator, Callable
from importlib import import_module
from importlib.util import find_spec
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


@_fixture
async def taskrouter_sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Serve a sandbox for one test.

    ``@pytest.mark.taskrouter({"Support": {"tasks": [...]}}, faults=0.1, seed=1)`` on a test, a
    class or a module sets its contents and its behaviour.
    """
    contents: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    # The closest marker comes first and overrides the others.
    for marker in reversed(list(request.node.iter_markers("taskrouter"))):
        contents |= marker.args[0] if marker.args else {}
        settings |= marker.kwargs
    async with aiotask.sandbox.Sandbox(**settings) as sandbox:
        sandbox.fill(contents)
        yield sandbox


@_fixture
async def taskrouter_client(taskrouter_sandbox: Any) -> AsyncIterator[Any]:
    """Give a client of the sandbox, whose retries do not wait."""
    sandbox = taskrouter_sandbox
    client = aiotask.Client(
        sandbox.account_sid,
        sandbox.auth_token,
        base_url=sandbox.url,
        retry=aiotask.RetryPolicy(longest_wait=0),
    )
    async with client:
        yield client
