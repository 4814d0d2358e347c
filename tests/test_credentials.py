"""Credentials that change: tokens of OAuth that end, are revoked, or cannot be had."""

import asyncio
import copy
import logging
import pickle
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twilio.auth_strategy.token_auth_strategy import TokenAuthStrategy

from aiotask import (
    AiotaskError,
    AuthenticationError,
    Client,
    ClientCredentials,
    ClientStateError,
    ConfigurationError,
    ConnectionFailedError,
    Created,
    RetryPolicy,
)
from aiotask.sandbox import Sandbox
from tests.conftest import ACCOUNT, AT_ONCE, Clock, RawServer, Reaction, answer
from tests.hostile.expected_values import shown_by

SID = "WS" + "1" * 32
FOUND = answer(b'{"sid":"%b"}' % SID.encode())
GRANTED = answer(b'{"access_token":"token-one","token_type":"Bearer","expires_in":3600}')
REFUSED = answer(b"{}", "401 Unauthorized")
DOWN = answer(b"<h1>down</h1>", "503 Service Unavailable")
SECRET = "fedcba9876543210fedcba9876543210"
APP = ClientCredentials("OQ" + "1" * 32, SECRET)


@asynccontextmanager
async def client_of(sandbox: Sandbox, **settings: Any) -> AsyncIterator[Client]:
    app = ClientCredentials(sandbox.client_id, sandbox.client_secret)
    chosen: dict[str, Any] = {"base_url": sandbox.url, "retry": AT_ONCE, "timeout": 30}
    async with Client(credentials=app, **chosen | settings) as client:
        yield client


async def test_a_token_is_got_once_for_all_and_used_until_it_ends_soon() -> None:
    time = Clock()
    async with (
        Sandbox(clock=lambda: time.now, token_lifetime=1000) as sandbox,
        client_of(sandbox, retry=time.policy()) as client,
    ):
        await asyncio.gather(*(client.taskrouter.workspaces.list().all() for _ in range(50)))
        assert sandbox.requests == Counter({"POST token": 1, "GET Workspaces": 50})
        time.now += 939  # a minute before its end
        await client.taskrouter.workspaces.list().all()
        assert sandbox.requests["POST token"] == 1
        time.now += 2
        await asyncio.gather(*(client.taskrouter.workspaces.list().all() for _ in range(50)))
        assert sandbox.requests["POST token"] == 2
        assert sandbox.answers == Counter({200: sum(sandbox.requests.values())})
    assert client.counters.requests == sandbox.requests.total()


@pytest.mark.parametrize("ends", ["revoked", "expired"])
async def test_a_rotation_amid_a_thousand_calls_costs_one_renewal_and_no_call(ends: str) -> None:
    time = Clock()
    repeated: list[tuple[int, float, str | None, type]] = []

    def on_retry(attempt: int, delay: float, reason: AiotaskError) -> None:
        repeated.append((attempt, delay, reason.method, type(reason)))

    policy = RetryPolicy(attempts=1, clock=lambda: 0.0)
    async with (
        Sandbox(clock=lambda: time.now, token_lifetime=1000) as sandbox,
        # The client's own clock stands still, so that it learns of the end by a 401.
        client_of(sandbox, retry=policy, on_retry=on_retry) as client,
    ):
        tasks = client.taskrouter.workspace(sandbox.create_workspace("Support")).tasks
        calls = [asyncio.ensure_future(tasks.create(attributes={"n": n})) for n in range(1000)]
        while sandbox.requests["POST Tasks"] < 300:
            await asyncio.sleep(0)
        if ends == "revoked":
            sandbox.revoke_tokens()
        else:
            time.now += 1001
        made = await asyncio.gather(*calls)
        assert len({each.sid for each in made}) == 1000
        assert sandbox.requests["POST token"] == 2
        assert sandbox.answers[401] > 0
        tries = sandbox.requests["POST Tasks"]
    assert tries == 1000 + sandbox.answers[401]
    assert client.counters.retries == sandbox.answers[401]
    assert repeated == [(1, 0.0, "POST", AuthenticationError)] * sandbox.answers[401]


async def test_tokens_of_the_sandbox_are_what_twilios_library_reads(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as client:
        await client.taskrouter.workspaces.list().all()
        assert client._session.authorizer is not None
        token = client._session.authorizer._value
    assert token is not None
    strategy = TokenAuthStrategy(None)
    assert not strategy.is_token_expired(token.removeprefix("Bearer "))


async def test_the_wrong_secret_is_told_and_not_shown(sandbox: Sandbox) -> None:
    app = ClientCredentials(sandbox.client_id, "wrong-secret")
    async with Client(credentials=app, base_url=sandbox.url, retry=AT_ONCE) as client:
        with pytest.raises(
            AuthenticationError, match="token endpoint refuses the client: inv"
        ) as e:
            await client.taskrouter.workspaces.list().all()
        assert (e.value.status, e.value.attempts) == (401, 1)
        assert "wrong-secret" not in all_of(e.value) + shown_by(client, client._session, app)
        assert sandbox.requests == Counter({"POST token": 1})


def all_of(error: BaseException) -> str:
    """Return all that shows an error, its frames in aiotask and its pickle included."""
    shown = [str(error), repr(error), repr(vars(error)), repr(error.__cause__)]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "tests" not in frame.f_code.co_filename:
            shown += map(repr, frame.f_locals.values())
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert str(again) == str(error)
    return "\n".join([*shown, str(again)])


ENDS: dict[str, Reaction] = {
    "503": DOWN,
    "no JSON": answer(b"<h1>gateway</h1>"),
    "no token": answer(b"{}"),
    "429": answer(b"{}", "429 Too Many Requests"),
    "closed": "close",
    "reset": "reset",
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_token_endpoint_that_is_down_is_told_and_nothing_was_sent(
    end: str,
) -> None:
    async with (
        RawServer(ENDS[end]) as server,
        Client(credentials=APP, base_url=server.url, retry=AT_ONCE, timeout=10) as client,
    ):
        with pytest.raises(ConnectionFailedError, match=r"^no access token could be had") as caught:
            await client.taskrouter.workspace(SID).tasks.create()
    assert (caught.value.maybe_applied, caught.value.attempts) == (False, 5)
    assert "/v2/token" in str(caught.value)
    assert SECRET not in all_of(caught.value)
    assert {request.split()[1] for request in server.requests} == {b"/v2/token"}


async def test_a_token_endpoint_that_is_not_there_is_told_too(nowhere: str) -> None:
    once = RetryPolicy(attempts=1)
    async with Client(credentials=APP, base_url=nowhere, retry=once) as client:
        with pytest.raises(ConnectionFailedError, match=r"no access token.*Cannot connect") as e:
            await client.taskrouter.workspaces.list().all()
    assert SECRET not in all_of(e.value)


async def test_calls_at_once_have_each_an_error_of_their_own() -> None:
    once = RetryPolicy(attempts=1)
    async with (
        RawServer(DOWN) as server,
        Client(credentials=APP, base_url=server.url, retry=once) as client,
    ):
        workspaces = client.taskrouter.workspaces
        calls = [workspaces.fetch(f"WS{n:032x}") for n in range(20)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
    told = [str(each) for each in ends]
    assert all(isinstance(each, ConnectionFailedError) for each in ends)
    assert len(set(told)) == 20
    assert len(server.requests) == 1


async def test_a_run_pauses_while_no_token_can_be_had_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    time = Clock()
    async with (
        Sandbox(clock=lambda: time.now) as sandbox,
        client_of(sandbox, retry=time.policy()) as client,
    ):
        tasks = client.taskrouter.workspace(sandbox.create_workspace("Support")).tasks
        rows = [{"attributes": {"n": n}} for n in range(200)]
        made = Counter[type]()
        with caplog.at_level(logging.WARNING, "aiotask"):
            async for outcome in tasks.create_many(
                rows, journal=tmp_path / "a.db", max_in_flight=10, settle=1
            ):
                made[type(outcome)] += 1
                if made.total() == 50:
                    sandbox.revoke_tokens()
                    for _ in range(12):
                        sandbox.faults.next("POST", "/v2/token", "before_503")
        assert made == Counter({Created: 200})
        assert sandbox.requests["POST token"] == 14
        assert len(sandbox.tasks(sandbox.workspaces[0])) == 200
    assert "the run pauses" in caplog.text
    assert "no access token could be had" in caplog.text
    assert "the run goes on" in caplog.text
    assert sandbox.client_secret not in caplog.text


async def test_a_token_that_ends_soon_is_used_while_no_other_can_be_had(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = Clock()
    async with (
        Sandbox(clock=lambda: time.now, token_lifetime=1000) as sandbox,
        client_of(sandbox, retry=time.policy(attempts=1)) as client,
    ):
        await client.taskrouter.workspaces.list().all()
        sandbox.faults.outage = None
        time.now += 950
        for _ in range(2):
            sandbox.faults.next("POST", "/v2/token", "before_503")
        for _ in range(5):
            await client.taskrouter.workspaces.list().all()
        assert sandbox.requests["POST token"] == 2  # the second failed, and rests
        time.now += 5
        await client.taskrouter.workspaces.list().all()
        assert sandbox.requests["POST token"] == 3
        time.now += 5
        await client.taskrouter.workspaces.list().all()
        assert sandbox.requests["POST token"] == 4
        assert sandbox.answers[401] == 0
    assert "are used until they are refused: no access token" in caplog.text


class Own:
    """Credentials as a program has them."""

    def __init__(self, *values: Any, due: bool = False) -> None:
        self.due = due
        self.values = list(values)
        self.asked = 0

    async def authorization(self) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        value: Any = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[no-any-return]  # also what is wrong


async def asked_by(own: Own, *reactions: Any, **settings: Any) -> tuple[RawServer, Client]:
    server = RawServer(*reactions)
    await server.__aenter__()
    chosen: dict[str, Any] = {"retry": AT_ONCE, "base_url": server.url}
    client = Client(credentials=own, **chosen | settings)
    await client.open()
    return server, client


@pytest.fixture
async def asking() -> AsyncIterator[Callable[..., Awaitable[tuple[RawServer, Client]]]]:
    made: list[tuple[RawServer, Client]] = []

    async def start(own: Own, *reactions: Any, **settings: Any) -> tuple[RawServer, Client]:
        made.append(await asked_by(own, *reactions, **settings))
        return made[-1]

    yield start
    for server, client in made:
        await client.close()
        await server.__aexit__()


Asking = Callable[..., Awaitable[tuple[RawServer, Client]]]


def sent(server: RawServer) -> list[bytes]:
    """Return what each request was authorized by."""
    return [request.split(b"Authorization: ")[1].split(b"\r\n")[0] for request in server.requests]


async def test_own_credentials_are_asked_for_at_first_after_a_401_and_when_they_are_due(
    asking: Asking,
) -> None:
    own = Own("Bearer one", "Bearer two", "Bearer three")
    server, client = await asking(own, FOUND, FOUND, REFUSED, FOUND, FOUND)
    for _ in range(3):
        await client.taskrouter.workspaces.fetch(SID)
    assert sent(server) == [b"Bearer one"] * 3 + [b"Bearer two"]
    own.due = True
    await client.taskrouter.workspaces.fetch(SID)
    assert sent(server)[4] == b"Bearer three"
    assert own.asked == 3


async def test_a_401_to_new_credentials_too_is_the_error_of_the_call(asking: Asking) -> None:
    own = Own("Bearer one", "Bearer two", "Bearer two", "Bearer three")
    server, client = await asking(own, REFUSED)
    with pytest.raises(AuthenticationError) as caught:
        await client.taskrouter.workspace(SID).tasks.create()
    assert sent(server) == [b"Bearer one", b"Bearer two"]
    assert "those of the Own in the parameter credentials" in str(caught.value)
    assert "Bearer two" not in all_of(caught.value)
    with pytest.raises(AuthenticationError):
        await client.taskrouter.workspace(SID).tasks.create()
    assert sent(server)[2:] == [b"Bearer two", b"Bearer three"]


async def test_what_was_refused_is_not_sent_again_unchanged(asking: Asking) -> None:
    own = Own("Bearer one")
    server, client = await asking(own, REFUSED)
    with pytest.raises(AuthenticationError):
        await client.taskrouter.workspace(SID).tasks.create()
    assert (len(server.requests), own.asked) == (1, 2)


async def test_an_exception_of_own_credentials_is_an_error_of_connecting(asking: Asking) -> None:
    own = Own(OSError("vault: secret hunter2"), "Bearer one")
    server, client = await asking(own, FOUND)
    await client.taskrouter.workspaces.fetch(SID)
    assert own.asked == 2
    own.values = [OSError("vault: secret hunter2")]
    own.due = True
    await client.taskrouter.workspaces.fetch(SID)  # by the former
    server.reactions = [REFUSED]
    with pytest.raises(ConnectionFailedError, match="could not be renewed: OSError") as caught:
        await client.taskrouter.workspaces.fetch(SID)
    assert isinstance(caught.value.__cause__, OSError)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("wrong", [None, 3, "", "Bearer a\r\nX: y", "Bearer é"])
async def test_what_is_no_header_is_not_sent(asking: Asking, wrong: Any) -> None:
    server, client = await asking(Own(wrong), FOUND)
    with pytest.raises(ConfigurationError, match="must give visible ASCII"):
        await client.taskrouter.workspaces.fetch(SID)
    assert server.requests == []


async def test_a_renewal_goes_on_where_the_call_that_began_it_is_cancelled(
    asking: Asking,
) -> None:
    own, gate = Own("Bearer one"), asyncio.Event()
    plain = own.authorization

    async def slowly() -> str:
        await gate.wait()
        return await plain()

    own.authorization = slowly  # type: ignore[method-assign]  # a slow vault
    _, client = await asking(own, FOUND)
    first, second = (
        asyncio.ensure_future(client.taskrouter.workspaces.fetch(SID)) for _ in range(2)
    )
    for _ in range(5):
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    gate.set()
    assert (await second).sid == SID
    assert own.asked == 1


async def test_a_call_that_waits_for_a_renewal_ends_where_the_client_is_closed(
    asking: Asking,
) -> None:
    own = Own("Bearer one")
    own.authorization = asyncio.Event().wait  # type: ignore[assignment]  # a vault that hangs
    _, client = await asking(own, FOUND)
    call = asyncio.ensure_future(client.taskrouter.workspaces.fetch(SID))
    for _ in range(5):
        await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ClientStateError, match="is closed"):
        await call


async def test_a_view_has_the_credentials_of_its_client(asking: Asking) -> None:
    own = Own("Bearer one")
    server, client = await asking(own, FOUND)
    await client.taskrouter.workspaces.fetch(SID)
    await client.with_options(headers={"X-A": "1"}).taskrouter.workspaces.fetch(SID)
    assert (sent(server), own.asked) == ([b"Bearer one"] * 2, 1)


def test_credentials_of_two_kinds_are_refused() -> None:
    for settings in ({"auth_token": "x"}, {"api_key": "SK1", "api_secret": "x"}):
        with pytest.raises(ConfigurationError, match="and not both"):
            Client(credentials=APP, **settings)  # type: ignore[arg-type]  # of several types
    with pytest.raises(ConfigurationError, match="authorization"):
        Client(credentials=object())  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("wrong", ["", "a b", "é", None, 3])
def test_an_app_that_cannot_be_one_is_refused(wrong: Any) -> None:
    for words in ((wrong, "x"), ("x", wrong)):
        with pytest.raises(ConfigurationError, match="must be visible ASCII"):
            ClientCredentials(*words)


def test_an_app_shows_no_secret_and_does_not_pickle() -> None:
    assert SECRET not in shown_by(APP)
    client = Client(ACCOUNT, credentials=APP)
    assert SECRET not in shown_by(client, client._session)
    assert repr(client) == "<Client OQ…1111>"
    for duplicate in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="do not pickle"):
            duplicate(APP)
    assert client._session.account == ACCOUNT


@pytest.mark.parametrize(
    ("document", "lifetime"),
    [
        ('{"access_token":"t","expires_in":100}', 90),
        ('{"access_token":"a.eyJpYXQiOjEwMCwiZXhwIjoyMDB9.c","expires_in":null}', 90),
        ('{"access_token":"a.b.c"}', None),
        ('{"access_token":"t","expires_in":"soon"}', None),
    ],
)
async def test_a_token_lives_as_long_as_it_is_told(document: str, lifetime: float | None) -> None:
    time = Clock()
    token = answer(document.encode())
    async with (
        RawServer(token, FOUND, FOUND, token, FOUND) as server,
        Client(credentials=APP, base_url=server.url, retry=time.policy()) as client,
    ):
        await client.taskrouter.workspaces.fetch(SID)
        time.now += 89 if lifetime else 1e9
        await client.taskrouter.workspaces.fetch(SID)
        assert len(server.requests) == 3
        if lifetime:
            time.now += 2
            await client.taskrouter.workspaces.fetch(SID)
            assert server.requests[3].startswith(b"POST /v2/token")
    form = server.requests[0].partition(b"\r\n\r\n")[2]
    assert form == (
        b"grant_type=client_credentials&client_id=%b&client_secret=%b"
        % (APP.client_id.encode(), SECRET.encode())
    )
    assert b"Authorization" not in server.requests[0]


def test_tokens_come_from_the_host_of_the_region() -> None:
    for region, host in ((None, "oauth.twilio.com"), ("ie1", "oauth.dublin.ie1.twilio.com")):
        client = Client(credentials=APP, region=region)
        authorizer: Any = client._session.authorizer
        assert str(authorizer._credentials._ask.args[0]) == f"https://{host}/v2/token"
