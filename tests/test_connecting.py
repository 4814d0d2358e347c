"""Ways to the service: a forward proxy, own authorities, the environment; and who asks."""

import copy
import logging
import pickle
import ssl
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from aiotask import (
    AiotaskError,
    Client,
    ConfigurationError,
    ConnectionFailedError,
    ConnectionLostError,
    Created,
    IncompleteAnswerError,
    RetryPolicy,
    TLSError,
)
from aiotask.sandbox import Sandbox
from tests.conftest import ACCOUNT, AT_ONCE, Canned, RawServer, answer
from tests.forward_proxy import ForwardProxy, behind_tls
from tests.hostile.expected_values import secrets_in, shown_by
from tests.test_environment import directory

SECRET = "hunter2secret"
HOST = "taskrouter.example"  # which only the proxy knows
OURS, THEIRS = trustme.CA(), trustme.CA()
WORKSPACE = "WS" + "1" * 32
FAR = "http://far.example"
AROUND = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in AROUND:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no.netrc"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "authorities.pem"
    OURS.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
async def port(sandbox: Sandbox) -> AsyncIterator[int]:
    """Give the port of the sandbox behind TLS, with a certificate of our own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    OURS.issue_cert(HOST).configure_cert(context)
    async with behind_tls(sandbox.url, context) as port:
        yield port


@asynccontextmanager
async def client_of(sandbox: Sandbox, **settings: Any) -> AsyncIterator[Client]:
    usual: dict[str, Any] = {"base_url": f"https://{HOST}", "retry": AT_ONCE, "timeout": 10}
    chosen = usual | settings
    async with Client(sandbox.account_sid, sandbox.auth_token, **chosen) as client:
        yield client


def check_secret(error: AiotaskError, *places: object) -> None:
    """Check that no way to show an error, or what it came from, shows the proxy's password."""
    shown = [str(error), repr(error), repr(vars(error)), repr(error.__cause__)]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "tests" not in frame.f_code.co_filename:
            shown += map(repr, frame.f_locals.values())
    shown += [str(pickle.loads(pickle.dumps(error))), shown_by(*places)]  # noqa: S301 - our own
    assert [each for each in shown if SECRET in each or secrets_in(each)] == []


async def test_a_run_goes_through_a_proxy_with_a_password_to_an_origin_of_an_own_authority(
    sandbox: Sandbox, port: int, bundle: Path, tmp_path: Path
) -> None:
    sid = sandbox.create_workspace("Support")
    rows = [{"attributes": {"n": n}} for n in range(30)]
    async with (
        ForwardProxy("bob", SECRET, resolve=lambda _: ("127.0.0.1", port)) as proxy,
        client_of(sandbox, proxy=proxy.url, ssl=bundle) as client,
    ):
        tasks = client.taskrouter.workspace(sid).tasks
        made = [each async for each in tasks.create_many(rows, journal=tmp_path / "import.db")]
        assert len(await tasks.list().all()) == 30
        shown = shown_by(client, client.taskrouter, client._session)
    assert {type(each) for each in made} == {Created}
    assert set(proxy.tunnels) == {f"{HOST}:443"}
    assert SECRET not in shown
    # The proxy sees who asks it, and not who asks the service.
    assert not any(b"\r\nAuthorization" in head for head in proxy.heads)


@pytest.mark.parametrize("kind", ["text", "path", "directory", "context"])
async def test_authorities_are_a_file_a_directory_or_a_context(
    sandbox: Sandbox, port: int, bundle: Path, tmp_path: Path, kind: str
) -> None:
    context = ssl.create_default_context()
    OURS.configure_trust(context)
    folder = directory(tmp_path / "hashed", OURS.cert_pem.bytes())
    given = {"text": str(bundle), "path": bundle, "directory": folder, "context": context}
    async with (
        ForwardProxy(resolve=lambda _: ("127.0.0.1", port)) as proxy,
        client_of(sandbox, proxy=proxy.url, ssl=given[kind]) as client,
    ):
        assert await client.taskrouter.workspaces.list().all() == []


async def test_who_is_not_of_the_authorities_gets_nothing(
    sandbox: Sandbox, port: int, tmp_path: Path
) -> None:
    path = tmp_path / "theirs.pem"
    THEIRS.cert_pem.write_to_path(str(path))
    for ssl_ in (None, path):  # the system's authorities do not know ours either
        async with (
            ForwardProxy("bob", SECRET, resolve=lambda _: ("127.0.0.1", port)) as proxy,
            client_of(sandbox, proxy=proxy.url, ssl=ssl_) as client,
        ):
            with pytest.raises(TLSError) as caught:
                await client.taskrouter.workspaces.list().all()
            check_secret(caught.value, client)
    assert sandbox.requests.total() == 0


@pytest.mark.parametrize("status", [407, 502])
@pytest.mark.parametrize("base_url", ["https://far.example", FAR])
async def test_a_proxy_that_refuses_is_told_without_its_password(
    sandbox: Sandbox, status: int, base_url: str
) -> None:
    refusal = answer(b"<h1>no</h1>", f"{status} No", "Connection: close")
    settings: dict[str, Any] = {"retry": RetryPolicy(attempts=1), "allow_insecure": True}
    async with (
        ForwardProxy("bob", SECRET, refusal=refusal) as proxy,
        client_of(sandbox, proxy=proxy.url, base_url=base_url, **settings) as client,
    ):
        with pytest.raises(AiotaskError) as caught:
            await client.taskrouter.workspace(WORKSPACE).tasks.create()
        check_secret(caught.value, client)
        told = caught.value
        if base_url == FAR:  # where the proxy answers in the place of the service
            assert getattr(told, "status", None) == status
        else:
            assert isinstance(told, ConnectionFailedError)
            assert (told.proxy_status, told.maybe_applied) == (status, False)


async def test_a_wrong_password_for_the_proxy_is_its_407(sandbox: Sandbox) -> None:
    async with ForwardProxy("bob", "another") as proxy:
        url = proxy.url.replace("another", SECRET)
        async with client_of(sandbox, proxy=url) as client:
            with pytest.raises(ConnectionFailedError, match="407") as caught:
                await client.taskrouter.workspaces.list().all()
            check_secret(caught.value, client)
        assert (caught.value.proxy_status, caught.value.attempts) == (407, 1)
        assert proxy.tunnels == []


@pytest.mark.parametrize("dies_after", [1, 20, 300])
async def test_a_create_whose_proxy_dies_in_the_middle_may_have_been_carried_out(
    sandbox: Sandbox, dies_after: int
) -> None:
    # Plain http, so that the answer itself is cut, and not TLS on its way.
    place = sandbox.url.removeprefix("http://")
    host, _, port = place.rpartition(":")
    sid = sandbox.create_workspace("Support")
    async with (
        ForwardProxy(
            "bob", SECRET, dies_after=dies_after, resolve=lambda _: (host, int(port))
        ) as proxy,
        client_of(sandbox, proxy=proxy.url, base_url=FAR, allow_insecure=True) as client,
    ):
        with pytest.raises((ConnectionLostError, IncompleteAnswerError)) as caught:
            await client.taskrouter.workspace(sid).tasks.create()
        check_secret(caught.value, client)
    assert caught.value.maybe_applied
    assert caught.value.attempts == 1
    assert len(sandbox.tasks(sid)) == 1


async def test_a_run_gets_over_a_proxy_that_dies_in_the_middle(
    sandbox: Sandbox, port: int, bundle: Path, tmp_path: Path
) -> None:
    sid = sandbox.create_workspace("Support")
    rows = [{"attributes": {"n": n}} for n in range(40)]
    retry = RetryPolicy(base=0, throttled_base=0)
    async with (
        # Tunnels are cut after some answers, in the middle of one. All of them must not be: a list
        # that is longer would never come.
        ForwardProxy(
            "bob", SECRET, dies_after=20_000, deaths=3, resolve=lambda _: ("127.0.0.1", port)
        ) as p,
        client_of(sandbox, proxy=p.url, ssl=bundle, retry=retry) as client,
    ):
        tasks = client.taskrouter.workspace(sid).tasks
        made = [
            each
            async for each in tasks.create_many(
                rows, journal=tmp_path / "import.db", settle=0.1, max_in_flight=2
            )
        ]
        assert len(p.tunnels) > 2
    assert {type(each) for each in made} == {Created}
    assert len(sandbox.tasks(sid)) == 40


async def test_plain_http_goes_through_a_proxy_that_hands_it_on(sandbox: Sandbox) -> None:
    host, _, port = sandbox.url.removeprefix("http://").rpartition(":")
    async with (
        ForwardProxy("bob", SECRET, resolve=lambda _: (host, int(port))) as proxy,
        client_of(sandbox, proxy=proxy.url, base_url=FAR, allow_insecure=True) as client,
    ):
        assert await client.taskrouter.workspaces.list().all() == []
    assert proxy.tunnels == [f"{FAR}/v1/Workspaces?PageSize=50"]


@pytest.mark.parametrize(
    ("around", "tunnels"),
    [
        ({"HTTPS_PROXY": "…"}, 1),
        ({"https_proxy": "…"}, 1),
        ({"HTTPS_PROXY": "…", "NO_PROXY": "other.example"}, 1),
        ({"HTTPS_PROXY": "…", "NO_PROXY": "localhost,.example"}, 0),
        ({"HTTPS_PROXY": "…", "no_proxy": "*"}, 0),
        ({"HTTP_PROXY": "…"}, 0),
        ({}, 0),
    ],
)
async def test_the_proxy_of_the_environment_is_taken_where_it_is_trusted(
    sandbox: Sandbox,
    port: int,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    around: dict[str, str],
    tunnels: int,
) -> None:
    async with ForwardProxy("bob", SECRET, resolve=lambda _: ("127.0.0.1", port)) as proxy:
        for name, value in around.items():
            monkeypatch.setenv(name, proxy.url if value == "…" else value)
        for trust_env in (False, True):
            settings: dict[str, Any] = {"base_url": f"https://{HOST}", "ssl": bundle}
            async with client_of(sandbox, trust_env=trust_env, **settings) as client:
                try:
                    await client.taskrouter.workspaces.list().all()
                except ConnectionFailedError:  # no such host without the proxy
                    assert not (trust_env and tunnels)
        assert len(proxy.tunnels) == tunnels


@pytest.mark.parametrize("given", ["in the variable", "in netrc"])
async def test_netrc_has_the_password_of_a_proxy_and_never_that_of_the_service(
    sandbox: Sandbox,
    port: int,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: str,
) -> None:
    path = tmp_path / ".netrc"
    path.write_text(
        f"machine 127.0.0.1 login bob password {SECRET}\n"
        f"machine {HOST} login mallory password other\ndefault login any password any\n"
    )
    monkeypatch.setenv("NETRC", str(path))
    async with ForwardProxy("bob", SECRET, resolve=lambda _: ("127.0.0.1", port)) as proxy:
        around = proxy.url if given == "in the variable" else f"http://127.0.0.1:{proxy.port}"
        monkeypatch.setenv("HTTPS_PROXY", around)
        async with client_of(sandbox, trust_env=True, ssl=bundle) as client:
            assert await client.taskrouter.workspaces.list().all() == []
    assert len(proxy.tunnels) == 1


async def test_a_netrc_that_cannot_be_read_is_told_without_its_contents(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / ".netrc"
    path.write_text(f"machine 127.0.0.1 login bob passphrase {SECRET}\n")
    monkeypatch.setenv("NETRC", str(path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    with caplog.at_level(logging.WARNING, "aiotask"):
        Client(ACCOUNT, "x", trust_env=True)
    assert str(path) in caplog.text
    assert SECRET not in caplog.text


WRONG = [
    "proxy.corp:3128",
    "http://",
    "http://bob:hunter2secret@[::1",
    "socks5://h:1",
    "",
    "http:// ",
]


@pytest.mark.parametrize("proxy", [*WRONG, 3128])
def test_a_proxy_that_is_no_url_is_refused_and_not_shown(proxy: Any) -> None:
    with pytest.raises(ConfigurationError, match="proxy must be http://HOST:PORT") as caught:
        Client(ACCOUNT, "secret-token", proxy=proxy)
    check_secret(caught.value)


@pytest.mark.parametrize("proxy", [each for each in WRONG if each])
def test_a_proxy_of_the_environment_that_is_no_url_is_our_error(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    Client(ACCOUNT, "secret-token")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY must be") as caught:
        Client(ACCOUNT, "secret-token", trust_env=True)
    check_secret(caught.value)


@pytest.mark.parametrize("what", ["HTTPS_PROXY", "NETRC"])
async def test_what_a_callers_session_takes_from_the_environment_is_our_error_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    path = tmp_path / ".netrc"
    path.write_text(f"default login bob password {SECRET}\n")
    monkeypatch.setenv(what, str(path) if what == "NETRC" else f"http://bob:{SECRET}@[::1")
    async with (
        RawServer(answer()) as server,
        aiohttp.ClientSession(trust_env=True) as session,
    ):
        url = server.url if what == "NETRC" else None
        client = Client(ACCOUNT, "secret-token", session=session, base_url=url, retry=AT_ONCE)
        with pytest.raises(ConfigurationError, match=r"HTTPS_PROXY.*netrc") as caught:
            await client.taskrouter.workspaces.list().all()
        check_secret(caught.value)
        assert server.requests == []


async def test_another_error_of_the_session_does_not_say_that_nothing_was_sent(
    far_client: Client, canned: Canned
) -> None:
    """What a run takes for unsent it sends again."""
    sid = "WS" + "0" * 32
    odd = ValueError("odd")
    canned.post(f"https://taskrouter.twilio.com/v1/Workspaces/{sid}/Tasks", exception=odd)
    with pytest.raises(ValueError, match="odd") as caught:
        await far_client.taskrouter.workspace(sid).tasks.create()
    assert caught.value is odd


@pytest.mark.parametrize("given", ["nowhere.pem", "README", "", 3, True, b"x"])
def test_what_is_no_bundle_of_authorities_is_refused(tmp_path: Path, given: Any) -> None:
    (tmp_path / "README").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"CA bundle") as caught:
        Client(ACCOUNT, "x", ssl=tmp_path / given if given in ("nowhere.pem", "README") else given)
    assert copy.copy(caught.value).message == caught.value.message


def test_a_context_of_a_server_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ConfigurationError, match="for servers"):
        Client(ACCOUNT, "x", ssl=context)


@pytest.mark.parametrize(
    "setting", [{"proxy": "http://h:1"}, {"ssl": ssl.create_default_context()}, {"trust_env": True}]
)
async def test_a_callers_session_has_its_own_connections(setting: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConfigurationError, match="proxy, ssl and trust_env"):
            Client(ACCOUNT, "x", session=session, **setting)


@pytest.mark.parametrize("own", ["pool", "session"])
async def test_a_user_agent_goes_before_ours(own: str) -> None:
    async with RawServer(answer()) as server, aiohttp.ClientSession() as session:
        given = {"session": session} if own == "session" else {}
        settings: dict[str, Any] = {"base_url": server.url, "retry": AT_ONCE, **given}
        async with Client(ACCOUNT, "x", user_agent="orders/1.4", **settings) as client:
            with pytest.raises(AiotaskError):
                await client.taskrouter.workspaces.fetch(WORKSPACE)
    assert b"User-Agent: orders/1.4 aiotask/" in server.requests[0]


@pytest.mark.parametrize("agent", ["", "a\r\nX: y", "é", 3])
def test_a_user_agent_that_is_no_header_is_refused(agent: Any) -> None:
    with pytest.raises(ConfigurationError, match="user_agent"):
        Client(ACCOUNT, "x", user_agent=agent)
