import asyncio
import re
from typing import Any, get_args

import aiohttp
import pytest

from aiotask.sandbox import FAULT_KINDS, FaultKind, Faults
from aiotask.sandbox.server.faults import Effect, Fault
from aiotask.sandbox.wire.answers import NO_CONTENT
from tests.sandbox.sandbox_api import Api, serving

EVERY_KIND: tuple[FaultKind, ...] = get_args(FaultKind)
SERVICE_ERRORS: dict[FaultKind, tuple[int, int]] = {
    "before_429": (429, 20429),
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


@pytest.mark.parametrize("kind", EVERY_KIND)
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
        assert created(api) == kind.startswith(("after", "late"))
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


@pytest.mark.parametrize(
    ("kind", "body"), [("after_no_sid", b"{}"), ("after_empty", b"")], ids=["no_sid", "empty"]
)
async def test_an_answer_without_its_sid_is_otherwise_one_of_success(
    kind: FaultKind, body: bytes
) -> None:
    async with serving() as api:
        for method, status in (("POST", 201), ("GET", 200)):
            api.sandbox.faults.next(method, "/Tasks", kind)
            reply = await api(method, "/Tasks")
            assert (reply.status, reply.body) == (status, body)
            assert reply.headers["Content-Type"] == "application/json"
        assert created(api) == 1


async def test_an_injected_refusal_says_when_to_come_back_and_is_not_the_services_own() -> None:
    async with serving(retry_after=3) as api:
        api.sandbox.faults.next("POST", "/Tasks", "before_429")
        assert (await api("POST", "/Tasks")).headers["Retry-After"] == "3"
        assert (api.sandbox.refused, api.sandbox.answers) == (0, {})


async def test_a_delete_has_no_body_to_break() -> None:
    async with serving() as api:
        first, second = await api.make("/Tasks"), await api.make("/Tasks")
        api.sandbox.faults.next("DELETE", "/Tasks/", "after_truncated")
        # aiohttp repeats a DELETE by itself when its connection was reset, and this one is gone.
        assert (await api("DELETE", first["url"])).refusal == (404, 20404)
        api.sandbox.faults.next("DELETE", "/Tasks/", "after_not_json")
        assert (await api("DELETE", second["url"])).status == 200
        for kind in ("after_no_sid", "after_empty"):
            third = await api.make("/Tasks")
            api.sandbox.faults.next("DELETE", "/Tasks/", kind)
            reply = await api("DELETE", third["url"])
            assert (reply.status, reply.body) == (204, b"")
        assert created(api) == 0


@pytest.mark.virtual_time
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


async def test_in_an_outage_every_request_goes_wrong_until_it_is_over() -> None:
    async with serving() as api:
        faults = api.sandbox.faults
        faults.next("POST", "/Tasks", "before_502")
        statuses = []
        for kind in ("before_503", "before_500", None, None):
            faults.outage = kind
            assert faults.outage == kind
            statuses.append([(await api(method, "/Tasks")).status for method in ("GET", "POST")])
        # What was scripted waits for the end of the outage.
        assert statuses == [[503, 503], [500, 500], [200, 502], [200, 201]]
        assert api.sandbox.injected == {"before_503": 2, "before_500": 2, "before_502": 1}


@pytest.mark.virtual_time
async def test_what_hangs_in_an_outage_hangs_on_when_it_is_over() -> None:
    async with serving() as api:
        api.sandbox.faults.outage = "before_hang"
        hanging = asyncio.create_task(api("POST", "/Tasks"))
        while not api.sandbox.injected:
            await asyncio.sleep(0.001)
        api.sandbox.faults.outage = None
        assert (await api("POST", "/Tasks")).status == 201
        assert not hanging.done()
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


def test_an_outage_leaves_chance_where_it_was() -> None:
    chosen = []
    for outage in (None, "before_500"):
        faults = Faults(share=0.5, seed=3)
        faults.outage = outage
        if outage is not None:
            assert {faults.choose("GET", "/") for _ in range(10)} == {outage}
        faults.outage = None
        chosen.append([faults.choose("GET", "/") for _ in range(20)])
    assert chosen[0] == chosen[1]


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
    for late, kinds in ((0.0, FAULT_KINDS), (0.5, EVERY_KIND)):
        faults = Faults(share=1.0, seed=1, late=late)
        assert {faults.choose("GET", "/") for _ in range(500)} == set(kinds)


def test_without_a_setting_nothing_is_late() -> None:
    assert set(EVERY_KIND) - set(FAULT_KINDS) == {"late_hang", "late_reset"}
    assert Faults(share=1.0, kinds=["late_reset"]).choose("GET", "/") == "late_reset"


def test_no_kinds_are_no_faults() -> None:
    assert Faults(share=1.0, kinds=()).choose("GET", "/") is None


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Faults(share=share)


@pytest.mark.parametrize("late", [-0.1, float("inf"), float("nan")])
def test_nothing_is_carried_out_early_or_never(late: float) -> None:
    with pytest.raises(ValueError, match="late"):
        Faults(late=late)


def test_an_unknown_kind_is_an_error() -> None:
    kind: list[FaultKind] = ["after_lunch"]  # type: ignore[list-item] # what is being tested
    with pytest.raises(ValueError, match=re.escape("'after_lunch'")):
        Faults(kinds=kind)
    with pytest.raises(ValueError, match="unknown fault kind"):
        Faults().next("POST", "/Tasks", kind[0])
    with pytest.raises(ValueError, match="unknown fault kind"):
        Faults().outage = kind[0]


def test_a_kind_is_declared_only_with_a_moment_and_an_effect_that_there_are() -> None:
    assert Fault.parse("after_no_sid") == ("after", "no_sid")
    for kind in ("after_lunch", "never_reset", "reset", "after"):
        with pytest.raises(ValueError, match=kind):
            Fault.parse(kind)


async def test_an_effect_that_is_not_handled_is_no_reset() -> None:
    async with serving() as api:
        assert api.sandbox._serving is not None
        handler, _ = api.sandbox._serving
        effect: Effect = "lunch"  # type: ignore[assignment] # what is being tested
        request: Any = None
        with pytest.raises(AssertionError, match="lunch"):
            await handler._break(request, effect, NO_CONTENT, 0.0)
