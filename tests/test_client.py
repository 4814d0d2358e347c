"""Clients: credentials, hosts, settings, and what they never show."""

import asyncio
import copy
import pickle
from collections.abc import Awaitable
from typing import Any

import aiohttp
import pytest

from aiotask import (
    AuthenticationError,
    Client,
    ClientStateError,
    ConfigurationError,
    RetryPolicy,
)
from tests.conftest import ACCOUNT, Canned, RawServer, answer

KEY = "SK" + "1" * 32
LISTED = {"workspaces": [], "meta": {"key": "workspaces"}}


def authorization(client: Client) -> tuple[str, str]:
    auth = aiohttp.BasicAuth.decode(client._session._headers.reading["Authorization"])
    return auth.login, auth.password


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ((ACCOUNT, "token"), {}, (ACCOUNT, "token")),
        ((), {"ACCOUNT_SID": ACCOUNT, "AUTH_TOKEN": "token"}, (ACCOUNT, "token")),
        ((ACCOUNT,), {"AUTH_TOKEN": "token"}, (ACCOUNT, "token")),
        ((), {"API_KEY": KEY, "API_SECRET": "secret"}, (KEY, "secret")),
        (
            (),
            {"API_KEY": KEY, "API_SECRET": "s", "ACCOUNT_SID": ACCOUNT, "AUTH_TOKEN": "t"},
            (KEY, "s"),
        ),
        ((ACCOUNT, "token"), {"API_KEY": KEY, "API_SECRET": "secret"}, (ACCOUNT, "token")),
        ((), {"API_KEY": KEY, "ACCOUNT_SID": ACCOUNT, "AUTH_TOKEN": "t"}, (ACCOUNT, "t")),
    ],
)
def test_credentials_that_are_not_given_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    expected: tuple[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"TWILIO_{name}", value)
    assert authorization(Client(*arguments)) == expected


def test_an_api_key_that_is_given_counts_before_a_token_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "token")
    monkeypatch.setenv("TWILIO_API_SECRET", "secret")
    assert authorization(Client(ACCOUNT, api_key=KEY)) == (KEY, "secret")
    assert authorization(Client(api_key=KEY, api_secret="other")) == (KEY, "other")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"account_sid": ACCOUNT},
        {"auth_token": "token"},
        {"api_key": KEY},
        {"account_sid": ACCOUNT, "auth_token": ""},
        {"account_sid": ACCOUNT, "auth_token": "token", "api_key": KEY},
    ],
)
def test_missing_credentials_name_where_they_are_looked_for(arguments: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Client(**arguments)  # type: ignore[arg-type]  # all are text
    for name in ("ACCOUNT_SID", "AUTH_TOKEN", "API_KEY", "API_SECRET"):
        assert f"TWILIO_{name}" in str(caught.value)


REFUSED = answer(b'{"code":20003,"message":"Authenticate","status":401}', "401 Unauthorized")
SID = "AC12" + "e" * 26 + "34ab"


@pytest.mark.parametrize(
    ("settings", "environment", "told"),
    [
        (
            {"account_sid": SID, "auth_token": "hunter2"},
            {},
            "AC12…34ab with its auth token, from the parameters account_sid and auth_token",
        ),
        (
            {},
            {"ACCOUNT_SID": SID, "AUTH_TOKEN": "hunter2"},
            "AC12…34ab with its auth token, from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
        ),
        (
            {"account_sid": SID},
            {"AUTH_TOKEN": "hunter2"},
            "AC12…34ab with its auth token, from the parameter account_sid and TWILIO_AUTH_TOKEN",
        ),
        (
            {},
            {"API_KEY": KEY, "API_SECRET": "hunter2", "ACCOUNT_SID": SID, "AUTH_TOKEN": "x"},
            "SK11…1111 with its API secret, from TWILIO_API_KEY and TWILIO_API_SECRET",
        ),
        (
            {"api_secret": "hunter2"},
            {"API_KEY": KEY},
            "SK11…1111 with its API secret, from TWILIO_API_KEY and the parameter api_secret",
        ),
        (
            {"account_sid": "hunter2", "auth_token": SID},
            {},
            "a user that is not a sid with its auth token, from the parameters account_sid and",
        ),
    ],
)
async def test_a_401_tells_which_credentials_were_sent_and_where_they_came_from(
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    environment: dict[str, str],
    told: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"TWILIO_{name}", value)
    async with RawServer(REFUSED) as server, Client(base_url=server.url, **settings) as client:  # type: ignore[arg-type]  # all are text
        workspace = client.taskrouter.workspace("WS" + "1" * 32)
        calls = [workspace.tasks.create(attributes={}), client.taskrouter.workspaces.list().all()]
        calls.append(anext(workspace.tasks.create_many([{}])))
        for call in calls:
            with pytest.raises(AuthenticationError, match="Authenticate") as caught:
                await call
            assert f"; sent were {told}" in str(caught.value)
            assert "hunter2" not in f"{caught.value}{vars(caught.value)}"
            again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
            assert str(again) == str(caught.value)


def driven(call: Awaitable[Any]) -> Any:
    """Run a coroutine as trio would: with no event loop of asyncio around."""
    with pytest.raises(StopIteration) as ended:
        call.__await__().__next__()
    return ended.value.value


async def entered(client: Client) -> None:
    async with client:
        pass


def test_without_asyncio_a_client_says_what_it_needs() -> None:
    client = Client(ACCOUNT, "token")
    with pytest.raises(ClientStateError, match=r"^aiotask runs on asyncio, and no event loop of"):
        driven(entered(client))


def test_a_client_of_asyncio_says_so_elsewhere() -> None:
    client = Client(ACCOUNT, "token")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.__aenter__())
    workspace = client.taskrouter.workspace("WS" + "1" * 32)
    for call in (
        workspace.tasks.create(attributes={}),
        workspace.tasks.create(attributes={}, once="order"),
        workspace.tasks.fetch("WT" + "1" * 32),
        workspace.tasks.list().all(),
        anext(workspace.tasks.create_many([{}])),
        workspace.tasks.audit("no.db"),
        client.close(),
    ):
        with pytest.raises(ClientStateError, match="aiotask runs on asyncio"):
            driven(call)
    loop.run_until_complete(client.close())
    loop.close()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"account_sid": "AC:1"}, "without a colon"),
        ({"account_sid": "AC\r\n"}, "visible ASCII"),
        ({"auth_token": "to ken"}, "must be visible ASCII"),
        ({"auth_token": "tökén"}, "must be visible ASCII"),
        ({"timeout": 0}, "timeout must be a number of seconds above 0, not 0"),
        ({"timeout": -1}, "timeout must be"),
        ({"timeout": float("nan")}, "timeout must be"),
        ({"timeout": None}, "timeout must be"),
        ({"timeout": True}, "timeout must be"),
        ({"max_connections": 0}, "max_connections must be at least 1"),
        ({"max_connections": 1.5}, "max_connections must be at least 1"),
        ({"region": "us1/../x"}, "is not the name of a region or edge"),
        ({"edge": "Dublin."}, "is not the name of a region or edge"),
        ({"region": "xx9"}, "the region 'xx9' has no edge that is known: give the edge too"),
        ({"region": "dublin"}, "the region 'dublin' has no edge that is known"),
        ({"base_url": "taskrouter.twilio.com"}, "must be http"),
        ({"base_url": "ftp://example.com"}, "must be http"),
        ({"base_url": "https://"}, "base_url"),
        ({"base_url": "https://host:port"}, "base_url is not a URL"),
        ({"base_url": 5}, "base_url is not a URL"),
        ({"base_url": "https://AC1:token@example.com"}, "base_url holds credentials"),
        ({"base_url": "https://token@example.com"}, "base_url holds credentials"),
        ({"base_url": "https://example.com/?a=b"}, "neither a query nor a fragment"),
        ({"base_url": "https://example.com/#a"}, "neither a query nor a fragment"),
        ({"base_url": "http://example.com"}, "plain http to another machine"),
        ({"base_url": "http://127.evil.example"}, "plain http to another machine"),
        ({"base_url": "http://10.0.0.1:8080"}, "plain http to another machine"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_secrets(
    settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        Client(**{"account_sid": ACCOUNT, "auth_token": "token"} | settings)
    assert "token" not in str(caught.value).replace("auth token", "")
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({}, "https://{}.twilio.com"),
        ({"region": "ie1"}, "https://{}.dublin.ie1.twilio.com"),
        ({"region": "au1"}, "https://{}.sydney.au1.twilio.com"),
        ({"region": "br1"}, "https://{}.sao-paulo.br1.twilio.com"),
        ({"region": "de1"}, "https://{}.frankfurt.de1.twilio.com"),
        ({"region": "jp1"}, "https://{}.tokyo.jp1.twilio.com"),
        ({"region": "jp2"}, "https://{}.osaka.jp2.twilio.com"),
        ({"region": "sg1"}, "https://{}.singapore.sg1.twilio.com"),
        ({"region": "us1"}, "https://{}.ashburn.us1.twilio.com"),
        ({"region": "us2"}, "https://{}.umatilla.us2.twilio.com"),
        ({"region": "xx9", "edge": "moon"}, "https://{}.moon.xx9.twilio.com"),
        ({"edge": "dublin"}, "https://{}.dublin.us1.twilio.com"),
        ({"region": "ie1", "edge": "dublin"}, "https://{}.dublin.ie1.twilio.com"),
        ({"base_url": "https://proxy.example/twilio/"}, "https://proxy.example/twilio"),
        ({"base_url": "http://localhost:8765"}, "http://localhost:8765"),
        ({"base_url": "http://127.0.0.2:80"}, "http://127.0.0.2"),
        ({"base_url": "http://[::1]:8765"}, "http://[::1]:8765"),
        ({"base_url": "http://sandbox:8765", "allow_insecure": True}, "http://sandbox:8765"),
        ({"base_url": "http://api.localhost", "region": "ie1"}, "http://api.localhost"),
    ],
)
def test_every_product_has_its_host_by_region_and_edge_or_one_base_url(
    settings: dict[str, Any], base: str
) -> None:
    client = Client(ACCOUNT, "token", **settings)
    taskrouter, autopilot = base.format("taskrouter"), base.format("autopilot")
    assert client.taskrouter.workspaces._path == f"{taskrouter}/v1/Workspaces"
    tasks = client.autopilot.assistant("UA" + "a" * 32).tasks
    assert tasks._path == f"{autopilot}/v1/Assistants/UA{'a' * 32}/Tasks"


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"REGION": "ie1", "EDGE": "ashburn"}, "ashburn.ie1"),
        ({"REGION": "ie1"}, "dublin.ie1"),
        ({"REGION": "ie1", "EDGE": ""}, "dublin.ie1"),
        ({"EDGE": "dublin"}, "dublin.us1"),
    ],
)
async def test_region_and_edge_come_from_the_environment_too(
    monkeypatch: pytest.MonkeyPatch, canned: Canned, environment: dict[str, str], place: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"TWILIO_{name}", value)
    canned.get(f"https://taskrouter.{place}.twilio.com/v1/Workspaces?PageSize=50", payload=LISTED)
    async with Client(ACCOUNT, "token") as client:
        assert await client.taskrouter.workspaces.list().all() == []


async def test_a_callers_mocks_work_on_its_own_session(canned: Canned) -> None:
    canned.get("https://taskrouter.twilio.com/v1/Workspaces?PageSize=50", payload=LISTED)
    async with aiohttp.ClientSession() as session:
        client = Client(ACCOUNT, "token", session=session)
        assert await client.taskrouter.workspaces.list().all() == []


def test_a_client_can_be_made_outside_a_loop_with_any_timeout() -> None:
    own = aiohttp.ClientTimeout(total=5, connect=1)
    session = Client(ACCOUNT, "token", timeout=own)._session
    assert (session._total, session._timeout.connect) == (5, 1)
    session = Client(ACCOUNT, "token", timeout=4)._session
    assert (session._total, session._timeout.sock_connect) == (4, 2)
    assert Client(ACCOUNT, "token")._session._timeout.sock_connect == 10


def everything_in(thing: object, depth: int = 6) -> list[str]:
    shown = [repr(thing), str(thing), f"{thing}", repr(getattr(thing, "__dict__", ""))]
    for inner in getattr(thing, "__dict__", {}).values():
        if depth:
            shown += everything_in(inner, depth - 1)
    return shown


def test_neither_repr_nor_vars_of_anything_in_a_client_show_the_credentials() -> None:
    client = Client(ACCOUNT, "secret-token", retry=RetryPolicy(attempts=2))
    encoded = client._session._headers.reading["Authorization"].removeprefix("Basic ")
    tasks = client.taskrouter.workspace("WS" + "1" * 32).tasks
    for shown in (*everything_in(client), *everything_in(tasks), *everything_in(tasks.list())):
        assert "secret-token" not in shown
        assert encoded not in shown
    assert repr(client) == "<Client AC…0000>"


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_with_credentials_pickles_or_copies(duplicate: Any) -> None:
    client = Client(ACCOUNT, "token")
    secrets = [
        client,
        client._session,
        client._session._headers.reading["Authorization"],
        client.taskrouter,
    ]
    for secret in secrets[: 3 if duplicate is copy.copy else 4]:
        with pytest.raises(TypeError, match=r"does not pickle|do not pickle"):
            duplicate(secret)


async def test_a_client_may_be_closed_twice_and_before_it_is_entered() -> None:
    client = Client(ACCOUNT, "token")
    await client.close()
    async with client:
        await client.close()
    await client.close()


@pytest.mark.parametrize(
    ("given", "around", "host"),
    [
        (None, "http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        (None, "https://proxy.example/x/", "https://proxy.example/x"),
        (None, "", "https://taskrouter.twilio.com"),
        ("https://given.example", "http://127.0.0.1:8765", "https://given.example"),
    ],
)
def test_the_base_url_that_is_not_given_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: str | None, around: str, host: str
) -> None:
    monkeypatch.setenv("AIOTASK_BASE_URL", around)
    client = Client(ACCOUNT, "token", base_url=given)
    assert str(client.taskrouter.workspaces._url).startswith(f"{host}/v1/")


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        ("http://example.com", "plain http to another machine"),
        ("https://user:secret@example.com", "holds credentials"),
        ("example.com", "must be http"),
    ],
)
def test_a_base_url_of_the_environment_is_checked_like_one_that_is_given(
    monkeypatch: pytest.MonkeyPatch, around: str, reason: str
) -> None:
    monkeypatch.setenv("AIOTASK_BASE_URL", around)
    with pytest.raises(ConfigurationError, match=reason) as caught:
        Client(ACCOUNT, "token")
    assert "secret" not in str(caught.value)
    if around.startswith("http://"):
        Client(ACCOUNT, "token", allow_insecure=True)


def test_the_workspace_comes_from_the_environment_if_it_is_a_sid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, sid = Client("AC1", "token"), "WS" + "1" * 32
    with pytest.raises(ConfigurationError, match="no workspace: give its sid, or set AIOTASK_WORK"):
        client.taskrouter.workspace()
    monkeypatch.setenv("AIOTASK_WORKSPACE", sid)
    there, given = client.taskrouter.workspace(), client.taskrouter.workspace(sid)
    assert there._path == given._path
    monkeypatch.setenv("AIOTASK_WORKSPACE", "Support")
    with pytest.raises(ConfigurationError, match="must be the sid of a workspace"):
        client.taskrouter.workspace()
    assert client.taskrouter.workspace(sid)._path == given._path


def test_a_log_level_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOTASK_LOG", "verbose")
    with pytest.raises(ConfigurationError, match="AIOTASK_LOG must be debug, info, warning or"):
        Client("AC1", "token")
