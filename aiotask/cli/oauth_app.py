"""OAuth app of a command: its id may be an option; its secret comes from elsewhere."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import click

from aiotask._secret import SecretText
from aiotask.cli.errors import WrongUsageError

CLIENT_ID = "TWILIO_CLIENT_ID"
CLIENT_SECRET = "TWILIO_CLIENT_SECRET"  # noqa: S105 - the name of a variable
_LONGEST = 10_000  # characters of a file of which one line is read


class App(NamedTuple):
    """The client of OAuth, and where its secret comes from."""

    client_id: str
    secret: SecretText
    told: str


def given_app(client_id: str | None, secret_file: str | None) -> App | None:
    """Return the app of the options; one of the two may be missing where the environment has it.

    A secret that is nowhere is asked for on a terminal.
    """
    if client_id is None and secret_file is None:
        return None
    named = client_id or os.environ.get(CLIENT_ID)
    if not named:
        raise WrongUsageError(f"--client-secret-file: needs --client-id or {CLIENT_ID}")
    if secret_file is not None:
        return App(named, _read(secret_file), f"the OAuth app {named}, the secret from a file")
    if secret := os.environ.get(CLIENT_SECRET):
        told = f"the OAuth app {named}, the secret from {CLIENT_SECRET}"
        return App(named, SecretText(secret), told)
    if not sys.stdin.isatty():
        raise WrongUsageError(
            f"--client-id: there is no terminal to ask on for the secret: set {CLIENT_SECRET} or "
            "give --client-secret-file"
        )
    asked = click.prompt(f"Secret of {named}", hide_input=True, err=True)
    return App(named, SecretText(asked), f"the OAuth app {named}, the secret from the prompt")


def app_of_environment() -> App | None:
    """Return the app of which the environment has both parts."""
    client_id, secret = os.environ.get(CLIENT_ID), os.environ.get(CLIENT_SECRET)
    if not client_id or not secret:
        return None
    return App(client_id, SecretText(secret), f"{CLIENT_ID}, {CLIENT_SECRET}")


def _read(path: str) -> SecretText:
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_LONGEST).strip()
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or "it is no text"
        raise WrongUsageError(f"--client-secret-file: {path}: {told}") from None
    if not text:
        raise WrongUsageError(f"--client-secret-file: {path} is empty")
    return SecretText(text)
