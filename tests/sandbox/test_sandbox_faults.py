import asyncio
import re

import aiohttp
import pytest
from sandbox_api import Api, serving

from aiotask.sandbox import FAULT_KINDS, FaultKind, Faults

SERVICE_ERRORS: dict[FaultKind, tuple[int, int]] = {
    "before_500": (500, 20500),
    "after_500": (500, 20500),
    "before_503": (503, 20503),
    "after_503": (503, 20503),
}
GATEWAY_PAGES: dict[FaultKind, int] = {
    "before_502": 502,
    "after_502": 502,
    "before_504": 504,
    "after_504": 504,
}


def created(api: Api) -> int:
    return len(api.sandbox.tasks(api.workspace))


@pytest.mark.parametrize("kind", FAULT_KINDS)
async def test_only_faults_after_the_effect_have_one(kind: FaultKind) -> None:
    async with serving() as api:
        api.sandbox.faults.next("POST", "/Tasks", kind)
        if kind.endswith("hang"):
            await api.abandoned("POST", "/Tasks")
        else:
            try:
                await api("POST", "/Tasks")
            except aiohttp.ClientError:
                assert kind.endswith(("reset", "truncated"))
        assert created(api) == kind.startswith("after")
        assert api.sandbox.injected == {kind: 1}
        assert (await api("POST", "/Tasks")).status == 201


@pytest.mark.parametrize("kind", SERVICE_ERRORS)
async def test_an_error_of_the_service_has_its_body(kind: FaultKind) -> None:
    async with serving() as api:
        api.sandbox.faults.next("GET", "/Tasks", kind)
        reply = await api("GET", "/Tasks")
        assert reply.refusal == SERVICE_ERRORS[kind]
        assert reply.headers["Twilio-Request-Id"].startswith("RQ")


@pytest.mark.parametrize("kind", GATEWAY_PAGES)
async def test_an_error_of_a_gateway_is_a_page(kind: FaultKind) -> None:
    async with serving() as api:
        api.sandbox.faults.next("GET", "/Tasks", kind)
        reply = await api("GET", "/Tasks")
        assert reply.status == GATEWAY_PAGES[kind]
        assert reply.headers["Content-Type"].startswith("text/html")
        assert b"<html>" in reply.body


@pytest.mark.parametrize("kind", ["before_reset", "after_reset"])
async def test_a_reset_ends_the_connection(kind: FaultKind) -> None:
    async with serving() as api:
        api.sandbox.faults.next("POST", "/Tasks", kind)
        with pytest.raises(aiohttp.ClientOSError, match="reset"):
            await api("POST", "/Tasks")


async def test_a_truncated_answer_ends_within_its_body() -> None:
    async with serving() as api:
        api.sandbox.faults.next("POST", "/Tasks", "after_truncated")
        async with api.session.post(api.url("/Tasks")) as answer:
            assert answer.status == 201
            assert answer.headers["ETag"] == '"0"'
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()


async def test_an_answer_that_is_not_json_has_the_status_of_success() -> None:
    async with serving() as api:
        api.sandbox.faults.next("POST", "/Tasks", "after_not_json")
        reply = await api("POST", "/Tasks")
        assert (reply.status, reply.body[:6]) == (201, b"<html>")


async def test_a_delete_has_no_body_to_break() -> None:
    async with serving() as api:
        first, second = await api.make("/Tasks"), await api.make("/Tasks")
        api.sandbox.faults.next("DELETE", "/Tasks/", "after_truncated")
        # aiohttp repeats a DELETE by itself when its connection was reset, and this one is gone.
        assert (await api("DELETE", first["url"])).refusal == (404, 20404)
        api.sandbox.faults.next("DELETE", "/Tasks/", "after_not_json")
        assert (await api("DELETE", second["url"])).status == 200
        assert created(api) == 0


async def test_a_client_that_left_before_it_hangs_is_not_waited_for() -> None:
    async with serving(latency=0.1) as api:
        for kind in ("after_hang", "after_reset", "after_truncated"):
            before = created(api)
            api.sandbox.faults.next("POST", "/Tasks", kind)
            await api.abandoned("POST", "/Tasks")
            while created(api) == before:
                await asyncio.sleep(0.001)
        reply = await api("GET", "/Tasks")
        assert reply.headers["Twilio-Concurrent-Requests"] == "1"


async def test_a_script_waits_for_its_request() -> None:
    async with serving() as api:
        api.sandbox.faults.next("POST", "/Workflows", "before_500")
        api.sandbox.faults.next("POST", "/Tasks", "before_503")
        api.sandbox.faults.next("POST", "/Tasks", "before_500")
        statuses = [
            (await api("GET", "/Tasks")).status,
            (await api("POST", "/Tasks")).status,
            (await api("POST", "/Tasks")).status,
            (await api("POST", "/Tasks")).status,
            (await api("POST", "/Workflows")).status,
        ]
        assert statuses == [200, 503, 500, 201, 500]


async def test_a_share_of_requests_is_broken_the_same_for_the_same_seed() -> None:
    seen = []
    for _ in range(2):
        async with serving(faults=0.3, seed=11, fault_kinds=("before_500", "before_503")) as api:
            seen.append([(await api("GET", "/Tasks")).status for _ in range(100)])
            assert api.sandbox.injected.total() == 100 - seen[-1].count(200)
    assert seen[0] == seen[1]
    assert set(seen[0]) == {200, 500, 503}
    assert 15 < 100 - seen[0].count(200) < 45


def test_every_kind_is_chosen() -> None:
    faults = Faults(share=1.0, seed=1)
    assert {faults.choose("GET", "/") for _ in range(500)} == set(FAULT_KINDS)


def test_no_kinds_are_no_faults() -> None:
    assert Faults(share=1.0, kinds=()).choose("GET", "/") is None


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Faults(share=share)


def test_an_unknown_kind_is_an_error() -> None:
    kind: list[FaultKind] = ["after_lunch"]  # type: ignore[list-item] # what is being tested
    with pytest.raises(ValueError, match=re.escape("'after_lunch'")):
        Faults(kinds=kind)
    with pytest.raises(ValueError, match="no kind of fault"):
        Faults().next("POST", "/Tasks", kind[0])
