"""Keyring of the system, from a library that comes with the extra ``keyring`` only."""

from typing import Protocol

_SERVICE = "aiotask"


class NoKeyringError(Exception):
    """There is no keyring here that can be used; the message says why."""


def keep(name: str, secret: str) -> None:
    """Keep a secret in the system's keyring, or raise a NoKeyringError."""
    backend, errors = _backend()
    try:
        backend.set_password(_SERVICE, name, secret)
    except errors as error:
        raise NoKeyringError(f"the keyring does not take it: {type(error).__name__}") from None


def kept(name: str) -> str:
    """Return a secret from the system's keyring, or raise a NoKeyringError."""
    backend, errors = _backend()
    try:
        secret = backend.get_password(_SERVICE, name)
    except errors as error:
        raise NoKeyringError(f"the keyring does not open: {type(error).__name__}") from None
    if secret is None:
        raise NoKeyringError(f"the keyring has no {name!r} of aiotask")
    return secret


class _Keyring(Protocol):
    def set_password(self, service: str, username: str, password: str, /) -> None: ...

    def get_password(self, service: str, username: str, /) -> str | None: ...


def _backend() -> tuple[_Keyring, tuple[type[Exception], ...]]:
    """Return the keyring in use, and the errors that it may raise."""
    try:
        import keyring  # noqa: PLC0415
        from keyring.backends import fail  # noqa: PLC0415
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "keyring":
            raise
        raise NoKeyringError("no keyring: pip install 'aiotask[keyring]'") from None
    found = keyring.get_keyring()
    if isinstance(found, fail.Keyring):
        raise NoKeyringError("this system has no keyring")
    return found, (KeyringError, OSError)
