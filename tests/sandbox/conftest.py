"""Fixtures of the sandbox's tests: a clock that is put, and a workspace without queues."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.routing_api import Floor
from tests.sandbox.sandbox_api import Clock, serving


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def floor(clock: Clock) -> AsyncIterator[Floor]:
    async with serving("NONE", clock=clock) as api:
        yield Floor(api)
