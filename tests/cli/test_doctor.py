"""The doctor: each thing that can be wrong, one after another."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aiotask import Client, RetryPolicy
from aiotask.cli.diagnosis import Finding, Mark, examined, surroundings
from aiotask.cli.profiles import profiles_file
from tests.cli.commands import Service, run, service
from tests.cli.test_profiles import login, settings
from tests.conftest import ACCOUNT, AT_ONCE, answer
from tests.hostile.test_tls import Guarded, guard

__all__ = ["settings"]

NONE = answer(b'{"meta": {"key": "workspaces"}, "workspaces": []}')


@pytest.fixture
def local() -> Iterator[Service]:
    with service(auth_token="a-secret-of-the-tests") as local:
        yield local


def examine(local: Service, *words: str, **around: str) -> Result:
    environment = local.environment | {"AIOTASK_BASE_URL": local.sandbox.url} | around
    return run("doctor", *words, **environment)


def wrong(result: Result) -> list[str]:
    """Return the lines about what is wrong; the exit status has to fit."""
    lines = [line for line in result.stdout.splitlines() if line.startswith("WRONG")]
    assert result.exit_code == bool(lines), result.output
    assert len(result.stdout.splitlines()) < 24
    return lines


def test_where_all_is_well_it_says_what_it_found(local: Service) -> None:
    done = examine(local, "--workspace", "Support")
    assert wrong(done) == []
    for told in (
        "credentials  from TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN",
        f"service      {local.sandbox.url} answers",
        "TLS          none: the connection is plain http",
        "ms for 3 answers",
        "clock        as the service's",
        f"workspace    {local.workspace} 'Support'",
        "nothing is wrong",
    ):
        assert told in done.stdout
    assert local.sandbox.auth_token not in done.output
    assert "none is chosen, of 1" in examine(local).stdout


def test_no_credentials(local: Service) -> None:
    (line,) = wrong(run("doctor", "--base-url", local.sandbox.url))
    assert "none: set TWILIO_*, or keep some by aiotask login" in line


def test_credentials_that_are_refused(local: Service) -> None:
    (line,) = wrong(examine(local, TWILIO_AUTH_TOKEN="other"))
    assert "status 401" in line
    assert "the credentials are wrong" in line


def test_a_host_that_does_not_answer(local: Service, nowhere: str) -> None:
    (line,) = wrong(examine(local, AIOTASK_BASE_URL=nowhere))
    assert "is the host right" in line


def test_a_setting_that_cannot_be(local: Service) -> None:
    (line,) = wrong(examine(local, AIOTASK_BASE_URL="http://example.com"))
    assert "settings     base_url is plain http to another machine" in line


@pytest.mark.parametrize("hours", [2, 24])
def test_a_clock_that_is_behind(local: Service, hours: float) -> None:
    local.advance(hours=hours)
    (line,) = wrong(examine(local))
    assert "behind the service's: set it by NTP" in line


def test_a_workspace_that_is_not_there_or_twice(local: Service) -> None:
    (line,) = wrong(examine(local, "--workspace", "Other"))
    assert "'Other' is none of the 1 there are" in line
    local.ask(lambda: local.sandbox.create_workspace("Support"))
    (line,) = wrong(examine(local, "--workspace", "Support"))
    assert "2 are called 'Support': use a SID" in line


def test_authorities_that_are_not_where_the_environment_says(
    local: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:secret@proxy.example:3128")
    done = examine(local, SSL_CERT_FILE=str(tmp_path / "none.pem"), SSL_CERT_DIR=str(tmp_path))
    (line,) = wrong(done)
    assert f"SSL_CERT_FILE={tmp_path / 'none.pem'}, which is not there" in line
    assert f"SSL_CERT_DIR={tmp_path}\n" in done.stdout
    assert "https http://proxy.example:3128 in the environment" in done.stdout
    assert "secret" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="settings lie elsewhere there")
@pytest.mark.usefixtures("settings")
def test_a_profile_and_what_may_be_wrong_with_it(local: Service) -> None:
    (line,) = wrong(run("doctor", "--profile", "test"))
    assert "--profile: no profile 'test'" in line
    assert login(local, "--profile", "test", "--workspace", "Support").exit_code == 0
    done = run("doctor", "--profile", "test")
    assert wrong(done) == []
    assert "from the profile 'test' (--profile), the secret from its file" in done.stdout
    assert f"{local.workspace} 'Support'" in done.stdout
    profiles_file().chmod(0o644)
    (line,) = wrong(run("doctor", "--profile", "test"))
    assert "others may read" in line


async def found_by(client: Client) -> dict[str, Finding]:
    return {each.subject: each for each in await examined(client, None)}


async def test_a_certificate_that_is_not_trusted() -> None:
    async with Guarded(guard(), NONE) as server, Client(
        ACCOUNT, "token", base_url=server.url, retry=RetryPolicy(attempts=1)
    ) as client:  # fmt: skip
        found = await found_by(client)
    assert {name for name, each in found.items() if each.mark is Mark.WRONG} == {"service", "TLS"}
    assert "no trusted connection; authorities come from " in found["TLS"].text


async def test_answers_that_are_slow_or_have_no_date_or_a_wrong_one(
    serve: Callable[..., Any],
) -> None:
    now = 1000.0

    def slow(_: bytes) -> bytes:
        nonlocal now
        now += 2.5
        return NONE

    _, client = await serve(slow, retry=RetryPolicy(clock=lambda: now))
    found = await found_by(client)
    assert found["latency"] == Finding(
        "latency", Mark.WRONG, "2500 to 2500 ms for 3 answers: another edge may be nearer"
    )
    assert found["clock"].text == "the answers have no Date to compare with"
    assert found["rate"].text == "the answers have no header of a rate"
    dated = "Date: Thu, 01 Jan 1970 00:00:00 GMT", "X-Rate-Limit-Remaining: 7"
    old = answer(b'{"meta": {"key": "workspaces"}, "workspaces": []}', "200 OK", *dated)
    _, client = await serve(old, retry=AT_ONCE)
    found = await found_by(client)
    assert "ahead of the service's" in found["clock"].text
    assert found["rate"].text == "X-Rate-Limit-Remaining 7"


def test_a_proxy_that_is_no_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass@[")
    (proxy, *_) = surroundings()
    assert "https that is no URL" in proxy.text


def test_hosts_without_a_proxy_are_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    (proxy, *_) = surroundings()
    assert (proxy.mark, proxy.text) == (Mark.GOOD, "none in the environment")
