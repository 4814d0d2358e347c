"""OAuth app of commands: options, the environment, profiles, and a secret that nothing shows."""

import json
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import keyring
import pytest
from click.testing import CliRunner, Result
from keyring.backends import fail

from aiotask.cli import main
from aiotask.cli.profiles import profiles_file
from tests.cli.commands import LONG, Service, run, service, spawn

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="settings lie elsewhere there")

_SECRET = "a-secret-of-an-app"


@pytest.fixture(scope="module")
def local() -> Iterator[Service]:
    with service(client_id="OQ1", client_secret=_SECRET) as local:
        yield local


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text(f"{_SECRET}\n")
    return path


def listed(local: Service, *words: str, **around: str) -> Result:
    result = run("tasks", "list", *local.options, *words, **around)
    assert _SECRET not in result.output
    return result


def test_the_secret_of_an_app_comes_from_a_file_or_the_environment(
    local: Service, file: Path
) -> None:
    before = local.sandbox.requests["POST token"]
    ways: list[tuple[list[str], dict[str, str]]] = [
        (["--client-id", "OQ1", "--client-secret-file", str(file)], {}),
        (["--client-id", "OQ1"], {"TWILIO_CLIENT_SECRET": _SECRET}),
        (["--client-secret-file", str(file)], {"TWILIO_CLIENT_ID": "OQ1"}),
        ([], {"TWILIO_CLIENT_ID": "OQ1", "TWILIO_CLIENT_SECRET": _SECRET}),
        ([], {"TWILIO_CLIENT_ID": "OQ1", "TWILIO_CLIENT_SECRET": _SECRET, "AIOTASK_PROFILE": "x"}),
    ]
    for words, around in ways:
        result = listed(local, *words, **around)
        assert result.exit_code == 0, result.stderr
    assert local.sandbox.requests["POST token"] == before + len(ways)


def test_the_options_of_an_app_go_before_a_token_and_that_before_an_app_of_the_environment(
    local: Service, file: Path
) -> None:
    wrong = {"TWILIO_ACCOUNT_SID": local.sandbox.account_sid, "TWILIO_AUTH_TOKEN": "wrong"}
    app = {"TWILIO_CLIENT_ID": "OQ1", "TWILIO_CLIENT_SECRET": _SECRET}
    words = ["--client-id", "OQ1", "--client-secret-file", str(file)]
    assert listed(local, *words, **wrong).exit_code == 0
    refused = listed(local, **wrong, **app)
    assert (refused.exit_code, "status 401" in refused.stderr) == (1, True)
    assert listed(local, **(wrong | {"TWILIO_AUTH_TOKEN": ""} | app)).exit_code == 0


def test_a_wrong_secret_is_an_error_that_does_not_show_it(local: Service, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("not-the-secret")
    words = ["--client-id", "OQ1", "--client-secret-file", str(tmp_path / "wrong")]
    refused = listed(local, *words)
    assert refused.exit_code == 1
    assert "the token endpoint refuses the client" in refused.stderr
    assert "not-the-secret" not in refused.output


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xff\xfe", "it is no text"),
        ("schlüssel".encode(), "client_secret must be visible ASCII"),
    ],
)
def test_a_file_without_a_secret_is_refused_before_anything_is_sent(
    local: Service, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "other"
    if content is not None:
        path.write_bytes(content)
    before = local.sandbox.requests.total()
    refused = listed(local, "--client-id", "OQ1", "--client-secret-file", str(path))
    assert (refused.exit_code, reason in refused.stderr) == (2, True), refused.stderr
    assert local.sandbox.requests.total() == before


def test_an_app_is_not_half_given(local: Service, file: Path) -> None:
    alone = listed(local, "--client-secret-file", str(file))
    assert "--client-secret-file: needs --client-id or TWILIO_CLIENT_ID" in alone.stderr
    nothing = listed(local, "--client-id", "OQ1")
    assert "--client-id: there is no terminal to ask on for the secret" in nothing.stderr
    both = listed(local, "--client-secret-file", str(file), "--client-id", "OQ1", "--profile", "x")
    assert "give either --profile or the options of an OAuth app" in both.stderr
    assert (alone.exit_code, nothing.exit_code, both.exit_code) == (2, 2, 2)
    assert listed(local, TWILIO_CLIENT_ID="OQ1").exit_code == 2


def test_a_secret_that_is_nowhere_is_asked_for_once_on_a_terminal(local: Service) -> None:
    leader, follower = pty.openpty()
    program = spawn(
        *("tasks", "list", *local.options, "--client-id", "OQ1"),
        stdin=follower,
        stderr=follower,
        start_new_session=True,  # without another terminal to ask on
    )
    os.close(follower)
    said = b""
    while not said.endswith(b"Secret of OQ1: "):
        said += os.read(leader, 1000)
    os.write(leader, f"{_SECRET}\n".encode())
    listed_by, _ = program.communicate(timeout=LONG)
    rest = b""
    with suppress(OSError):  # the other side has closed it
        while more := os.read(leader, 1000):
            rest += more
    os.close(leader)
    assert program.returncode == 0, rest
    assert _SECRET.encode() not in listed_by + said + rest
    assert b"Secret of" not in rest


def kept() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(profiles_file().read_text())
    return document


def test_a_profile_keeps_an_app_which_doctor_finds(local: Service) -> None:
    url = local.sandbox.url
    words = ["login", "--profile", "app", "--client-id", "OQ1", "--base-url", url]
    made = CliRunner().invoke(main, words, input=f"{_SECRET}\n")
    assert made.exit_code == 0, made.stderr
    assert _SECRET not in made.output
    assert kept()["profiles"]["app"] == {"client_id": "OQ1", "base_url": url, "secret": _SECRET}
    assert listed(local, "--profile", "app").exit_code == 0
    assert listed(local, AIOTASK_PROFILE="app").exit_code == 0
    found = run("doctor", "--profile", "app")
    assert found.exit_code == 0, found.output
    assert "from the profile 'app' (--profile), the secret from its file" in found.stdout
    told = run("doctor", "--base-url", url, TWILIO_CLIENT_ID="OQ1", TWILIO_CLIENT_SECRET=_SECRET)
    assert "credentials  from TWILIO_CLIENT_ID, TWILIO_CLIENT_SECRET" in told.stdout
    assert _SECRET not in found.output + told.output


def test_login_keeps_no_app_that_is_refused_or_beside_a_key(local: Service) -> None:
    words = ["login", "--client-id", "OQ1", "--base-url", local.sandbox.url]
    refused = CliRunner().invoke(main, words, input="wrong\n")
    assert (refused.exit_code, profiles_file().exists()) == (1, False)
    assert "the token endpoint refuses the client" in refused.stderr
    both = CliRunner().invoke(main, [*words, "--api-key", "SK" + "1" * 32], input="x\n")
    assert "give either --api-key or --client-id" in both.stderr
    odd = CliRunner().invoke(main, words, input="schlüssel\n")
    assert "client_secret must be visible ASCII" in odd.stderr
    assert (both.exit_code, odd.exit_code, profiles_file().exists()) == (2, 2, False)
