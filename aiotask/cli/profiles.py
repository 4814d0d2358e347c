"""Profiles: credentials and settings under a name, in a file of the user's own."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import filelock
import platformdirs

from aiotask._credentials import ClientCredentials
from aiotask._json import dumps, loads
from aiotask._secret import SecretText
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.keyrings import NoKeyringError, keep, kept
from aiotask.cli.oauth_app import App, app_of_environment

DEFAULT = "default"

_VARIABLE = "AIOTASK_PROFILE"
_OWNER = ("account_sid", "api_key")
_PLACE = ("region", "edge", "base_url")
_SETTINGS = (*_OWNER, "client_id", *_PLACE, "workspace")


@attrs.frozen
class Profile:
    """One profile; ``secret`` is that of the OAuth app or the API key, or else the auth token."""

    name: str
    settings: Mapping[str, str]
    secret: str = attrs.field(repr=False)
    told: str
    """Who names it, and where it comes from."""

    @property
    def credentials(self) -> dict[str, Any]:
        """The parameters of a client that are its credentials; wrong ones are a ValueError."""
        given = {each: self.settings[each] for each in _OWNER if each in self.settings}
        if "client_id" in self.settings:
            return given | {
                "credentials": ClientCredentials(self.settings["client_id"], self.secret)
            }
        return given | {"api_secret" if "api_key" in given else "auth_token": self.secret}

    @property
    def place(self) -> dict[str, str]:
        """The parameters of a client that say where requests go."""
        return {each: self.settings[each] for each in _PLACE if each in self.settings}

    @property
    def workspace(self) -> str | None:
        """The sid or the name of a workspace."""
        return self.settings.get("workspace")


def profiles_file() -> Path:
    """Return the path of the file with all profiles."""
    return platformdirs.user_config_path("aiotask") / "profiles.json"


def chosen(name: str | None, app: App | None) -> Profile | None:
    """Return the profile that is in force, or None if the environment has a token or an API key.

    One that options name goes before credentials of the environment; these go before
    ``AIOTASK_PROFILE``, and before the profile called ``default``. An OAuth app is one, too.
    """
    if app is not None:
        if name is not None:
            raise WrongUsageError("give either --profile or the options of an OAuth app")
        return _of_app(app)
    if name is not None:
        return load(name, "--profile")
    if _environment_has_credentials():
        return None
    if (around := app_of_environment()) is not None:
        return _of_app(around)
    if named := os.environ.get(_VARIABLE):
        return load(named, _VARIABLE)
    return load(DEFAULT, "by default") if DEFAULT in _read() else None


def _of_app(app: App) -> Profile:
    return Profile("", {"client_id": app.client_id}, app.secret, app.told)


def load(name: str, named_by: str) -> Profile:
    """Return a profile; a WrongUsageError says that there is none, or no secret of it."""
    profiles = _read()
    if name not in profiles:
        known = f"there are {', '.join(sorted(profiles))}" if profiles else "there is none yet"
        raise WrongUsageError(
            f"{named_by}: no profile {name!r}; {known}: aiotask login --profile {name}"
        )
    entry = profiles[name]
    try:
        secret = entry.get("secret") or kept(name)
    except NoKeyringError as error:
        raise WrongUsageError(f"profile {name!r}: {error}") from None
    place = "its file" if entry.get("secret") else "the keyring"
    settings = {each: entry[each] for each in _SETTINGS if each in entry}
    told = f"the profile {name!r} ({named_by}), the secret from {place}"
    return Profile(name, settings, SecretText(secret), told)


def save(name: str, settings: Mapping[str, str], secret: str, *, keyring: bool) -> str:
    """Keep a profile, in place of one of that name; return where its secret is."""
    entry, where = dict(settings), "the keyring"
    path = profiles_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock", mode=0o600):
        profiles = _read()
        reason = _not_kept(name, secret) if keyring else "that was asked for"
        if reason:
            entry["secret"], where = secret, f"the file, since {reason}"
        _replace(path, profiles | {name: entry})
    return where


def _not_kept(name: str, secret: str) -> str | None:
    """Keep a secret in the keyring, or return the reason why it is not there."""
    try:
        keep(name, secret)
    except NoKeyringError as error:
        return str(error)
    return None


def _environment_has_credentials() -> bool:
    pairs = (("ACCOUNT_SID", "AUTH_TOKEN"), ("API_KEY", "API_SECRET"))
    return any(all(os.environ.get(f"TWILIO_{each}") for each in pair) for pair in pairs)


def _read() -> dict[str, dict[str, str]]:
    path = profiles_file()
    try:
        document = loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WrongUsageError(f"{path} cannot be read: {type(error).__name__}") from None
    found: Any = document.get("profiles") if isinstance(document, dict) else None
    if not isinstance(found, dict) or not all(map(_is_profile, found.values())):
        raise WrongUsageError(f"{path} has no profiles as aiotask login writes them")
    return found


def _is_profile(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(each, str) for each in entry.values())


def _replace(path: Path, profiles: Mapping[str, Any]) -> None:
    """Write the file whole or not at all; from its first byte nobody else may read it."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".profiles")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(dumps({"version": 1, "profiles": profiles}) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(part).unlink()
        raise
