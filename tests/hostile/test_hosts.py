"""Credentials go in the clear to no machine but this one, whatever a base URL looks like."""

import pytest

from aiotask import Client, ConfigurationError
from tests.conftest import ACCOUNT

FAR = [
    *("http://localhost.evil.example", "http://LocalHost.Evil.example"),
    *("http://127.0.0.1.evil.example", "http://evil.example/localhost"),
    *("http://0.0.0.0", "http://[::]", "http://127.1", "http://2130706433", "http://0x7f000001"),
    *("http://0177.0.0.1", "http://127.0.0.1.", "http://localhost.", "http://127.0.0.256"),
    *("http://126.255.255.255", "http://128.0.0.1", "http://169.254.169.254", "http://[fe80::1]"),
    *("http://[::ffff:10.0.0.1]", "http://[v1.x]", "http://localhost,evil.example"),
    *("http://l\u043ecalhost", "http://\u017focalhost", "http://1\u04072.0.0.1"),
    *("http://localhost%00.evil.example", "http://localhost%2eevil.example", "http://local host"),
    *("http://localhost\t.evil.example", "http://localhost\n.evil.example"),
]
NOWHERE = [
    *("http://localhost@evil.example", "http://evil.example:80@localhost"),
    *("http://localhost\\@evil.example", "http://evil.example\\@localhost"),
    *("http://127.0.0.1%2f@evil.example", "http://evil.example#@localhost", "http://localhost?x"),
    *("http://[::1].evil.example", "http://[::1]evil.example", "http://localhost:99999"),
    *("http://localhost:-1", "http://loc\u00adalhost", "ftp://localhost", "ws://localhost"),
    *("wss://localhost", "file:///etc/passwd", "unix:///tmp/x", "javascript:0", "localhost:80"),
    *("//localhost", "http:///localhost", "http:localhost", "https://", "http://", "/", ""),
]
NEAR = [
    *("http://localhost", "http://LOCALHOST:80", "HTTP://Localhost/x/", "http://127.0.0.1"),
    *("http://127.255.255.254", "http://[::1]", "http://[0:0:0:0:0:0:0:1]:80"),
    *("http://loc\uff41lhost", "http://\uff11\uff12\uff17.0.0.1", "http://\u24dbocalhost"),
]


@pytest.mark.parametrize("url", FAR)
def test_credentials_go_to_another_machine_in_the_clear_only_where_that_is_allowed(
    url: str,
) -> None:
    with pytest.raises(ConfigurationError, match="plain http to another machine"):
        Client(ACCOUNT, "token", base_url=url)
    Client(ACCOUNT, "token", base_url=url, allow_insecure=True)


@pytest.mark.parametrize("url", NOWHERE)
@pytest.mark.parametrize("allow_insecure", [False, True])
def test_what_is_no_place_to_go_to_is_not_allowed_either(url: str, *, allow_insecure: bool) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        Client(ACCOUNT, "token", base_url=url, allow_insecure=allow_insecure)


@pytest.mark.parametrize("url", NEAR)
def test_this_machine_may_be_asked_in_the_clear_and_is_what_is_asked(url: str) -> None:
    host = Client(ACCOUNT, "token", base_url=url).taskrouter.workspaces._url.raw_host
    assert host in {"localhost", "127.0.0.1", "127.255.255.254", "::1"}
