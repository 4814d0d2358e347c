"""Access tokens: whom the sandbox gives one, and until when it takes it."""

from typing import Any

import aiohttp
import pytest

from aiotask.sandbox import Sandbox
from tests.conftest import Clock


async def asked(sandbox: Sandbox, method: str = "POST", **fields: str) -> tuple[int, Any]:
    form = {
        "grant_type": "client_credentials",
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
    } | fields
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{sandbox.url}/v2/token", data=form) as got,
    ):
        return got.status, await got.json()


async def status_with(sandbox: Sandbox, authorization: str) -> int:
    async with (
        aiohttp.ClientSession(headers={"Authorization": authorization}) as session,
        session.get(f"{sandbox.url}/v1/Workspaces") as got,
    ):
        return got.status


async def test_a_token_is_good_until_it_ends_by_the_clock_of_the_sandbox() -> None:
    time = Clock()
    async with Sandbox(clock=lambda: time.now, token_lifetime=100) as sandbox:
        status, first = await asked(sandbox)
        assert (status, first["token_type"], first["expires_in"]) == (200, "Bearer", 100)
        time.now += 99
        _, second = await asked(sandbox)
        for each in (first, second):
            assert await status_with(sandbox, f"Bearer {each['access_token']}") == 200
        time.now += 2
        assert await status_with(sandbox, f"bearer {first['access_token']}") == 401
        assert await status_with(sandbox, f"Bearer {second['access_token']}") == 200
        sandbox.revoke_tokens()
        assert await status_with(sandbox, f"Bearer {second['access_token']}") == 401
        assert await status_with(sandbox, "Bearer none") == 401


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "OQ1"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_nobody_else_gets_a_token(
    sandbox: Sandbox, fields: dict[str, str], status: int, error: str
) -> None:
    assert await asked(sandbox, **fields) == (status, {"error": error})


async def test_a_token_is_asked_for_by_a_post_within_the_limits() -> None:
    async with Sandbox(rate=1) as sandbox:
        assert (await asked(sandbox, "PUT"))[0] == 405
        assert (await asked(sandbox))[0] == 429


def test_a_token_lives_for_some_time_and_in_a_thread_too() -> None:
    with pytest.raises(ValueError, match="token_lifetime"):
        Sandbox(token_lifetime=0)
    with Sandbox.in_thread(client_id="OQ1") as sandbox:
        assert sandbox.client_id == "OQ1"
        assert sandbox.client_secret
        sandbox.revoke_tokens()
