"""Profiles: what login keeps, where, and which credentials a command uses."""

import json
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from click.testing import CliRunner, Result
from keyring.backends import fail

from aiotask.cli import main
from aiotask.cli.profiles import profiles_file
from tests.cli.commands import Service, run, service, spawn
from tests.cli.keyring_in_file import InFile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="settings lie elsewhere there")


@pytest.fixture(scope="module")
def local() -> Iterator[Service]:
    with service(auth_token="a-secret-of-the-tests") as local:
        yield local


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("KEYRING_IN_FILE", str(tmp_path / "keyring"))
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    yield tmp_path
    keyring.set_keyring(before)


def login(local: Service, *words: str, secret: str | None = None) -> Result:
    sid = local.sandbox.account_sid
    typed = f"{sid}\n{local.sandbox.auth_token if secret is None else secret}\n"
    command = ["login", "--base-url", local.sandbox.url, *words]
    return CliRunner().invoke(main, command, input=typed)


def listed(*words: str, **around: str) -> Result:
    return run("tasks", "list", *words, **around)


def kept() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(profiles_file().read_text())
    return document


def test_a_profile_has_all_that_a_command_needs(local: Service) -> None:
    made = login(local, "--profile", "test", "--workspace", "Support")
    assert made.exit_code == 0, made.stderr
    assert "its secret in the file, since this system has no keyring" in made.stderr
    token = local.sandbox.auth_token
    assert token not in made.output
    assert made.stdout == ""
    assert listed("--profile", "test").exit_code == 0
    assert listed(AIOTASK_PROFILE="test").exit_code == 0
    assert kept()["profiles"]["test"]["secret"] == token
    path = profiles_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {each.name for each in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


def test_the_secret_is_in_the_keyring_where_there_is_one(local: Service, settings: Path) -> None:
    keyring.set_keyring(InFile())  # type: ignore[no-untyped-call]
    made = login(local, "--profile", "test", "--workspace", "Support")
    assert made.stderr.rstrip().endswith("its secret in the keyring")
    assert "secret" not in kept()["profiles"]["test"]
    assert local.sandbox.auth_token not in profiles_file().read_text()
    assert listed("--profile", "test").exit_code == 0
    (settings / "keyring").unlink()
    gone = listed("--profile", "test")
    assert gone.exit_code == 2
    assert "profile 'test': the keyring has no 'test' of aiotask" in gone.stderr
    assert login(local, "--no-keyring", "--profile", "test").exit_code == 0
    assert kept()["profiles"]["test"]["secret"] == local.sandbox.auth_token


def test_a_keyring_that_is_locked_is_told_of(
    local: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.set_keyring(InFile())  # type: ignore[no-untyped-call]
    assert login(local).exit_code == 0
    monkeypatch.delenv("KEYRING_IN_FILE")
    locked = listed("--workspace", "Support")
    assert "the keyring does not open: KeyringLocked" in locked.stderr
    made = login(local)
    assert "its secret in the file, since the keyring does not take it: Keyring" in made.stderr


def test_a_profile_of_an_option_goes_first_and_that_of_a_variable_last(local: Service) -> None:
    assert login(local, "--profile", "right", "--workspace", "Support").exit_code == 0
    assert login(local, "--profile", "wrong", "--no-check", secret="no").exit_code == 0
    assert listed("--profile", "right", AIOTASK_PROFILE="wrong").exit_code == 0
    refused = listed("--workspace", "Support", AIOTASK_PROFILE="wrong")
    assert refused.exit_code == 1
    assert "status 401" in refused.stderr
    around = {**local.environment, "AIOTASK_BASE_URL": local.sandbox.url}
    assert listed("--workspace", "Support", AIOTASK_PROFILE="wrong", **around).exit_code == 0
    assert listed("--profile", "wrong", "--workspace", "Support", **around).exit_code == 1


def test_the_profile_called_default_needs_no_name(local: Service) -> None:
    assert login(local, "--workspace", "Support").exit_code == 0
    assert listed().exit_code == 0


def test_credentials_that_the_service_refuses_are_not_kept(local: Service) -> None:
    refused = login(local, secret="wrong-secret")
    assert refused.exit_code == 1
    assert "status 401" in refused.stderr
    assert "wrong-secret" not in refused.output
    assert not profiles_file().exists()


def test_an_api_key_has_its_own_secret(local: Service) -> None:
    words = ["--api-key", "SK" + "1" * 32, "--no-check", "--region", "ie1"]
    made = login(local, *words, secret="the-secret")
    assert "Secret of SK1111" in made.stderr
    (profile,) = kept()["profiles"].values()
    assert (profile["api_key"], profile["secret"]) == ("SK" + "1" * 32, "the-secret")
    assert profile["region"] == "ie1"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--profile", " "], "--profile: must be a name"),
        (["--base-url", "http://example.com"], "base_url is plain http to another machine"),
        (["--region", "atlantis", "--base-url", ""], "'atlantis' has no edge that is known"),
    ],
)
def test_wrong_settings_are_refused(local: Service, words: list[str], reason: str) -> None:
    refused = login(local, *words)
    assert (refused.exit_code, reason in refused.stderr) == (2, True)
    assert not profiles_file().exists()


def test_a_profile_that_is_not_there_is_named(local: Service) -> None:
    none = listed("--profile", "other", "--workspace", "Support")
    assert none.exit_code == 2
    assert "--profile: no profile 'other'; there is none yet: aiotask login" in none.stderr
    login(local, "--profile", "test")
    some = listed("--workspace", "Support", AIOTASK_PROFILE="other")
    assert "AIOTASK_PROFILE: no profile 'other'; there are test: aiotask login" in some.stderr


@pytest.mark.parametrize("text", ["{", "[]", '{"profiles": {"a": 1}}', '{"profiles": []}'])
def test_a_file_that_is_damaged_is_named_and_kept(local: Service, text: str) -> None:
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(text)
    for refused in (listed("--profile", "a", "--workspace", "Support"), login(local)):
        assert refused.exit_code == 2
        assert str(profiles_file()) in refused.stderr
    assert profiles_file().read_text() == text


def test_a_file_that_cannot_be_written_stays_as_it_is(local: Service) -> None:
    assert login(local, "--profile", "a").exit_code == 0
    before = profiles_file().read_text()
    program = spawn(
        *("login", "--base-url", local.sandbox.url, "--account-sid", local.sandbox.account_sid),
        stdin=subprocess.PIPE,
        start_new_session=True,  # without a terminal the secret is read from standard input
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    _, said = program.communicate(f"{local.sandbox.auth_token}\n".encode())
    assert program.returncode == 1
    assert b"File too large" in said
    assert local.sandbox.auth_token.encode() not in said
    assert profiles_file().read_text() == before
    names = {each.name for each in profiles_file().parent.iterdir()}
    assert names == {"profiles.json", "profiles.json.lock"}


def test_logins_at_once_keep_all_profiles(local: Service) -> None:
    programs = [
        spawn(
            *("login", "--profile", f"p{n}", "--base-url", local.sandbox.url, "--no-check"),
            *("--account-sid", local.sandbox.account_sid, "--no-keyring"),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        for n in range(3)
    ]
    for program in programs:
        program.communicate(b"secret\n")
    assert set(kept()["profiles"]) == {"p0", "p1", "p2"}
