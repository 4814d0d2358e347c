"""Credentials that change: what gives them, and OAuth 2.0 tokens for client credentials."""

import re
from abc import abstractmethod
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from math import inf
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

import attrs

from aiotask._answers import Answer
from aiotask._json import loads
from aiotask._retry import fate_unknown
from aiotask._secret import SecretBytes, SecretText
from aiotask.errors import (
    AiotaskError,
    AuthenticationError,
    ClientStateError,
    ConfigurationError,
    ConnectionFailedError,
    RateLimitError,
    StatusError,
)

_VISIBLE = re.compile("[!-~]+")
# A token is renewed so long before its end, but not in the first nine tenths of its life.
_EARLY = 60.0  # seconds
_SHARE = 0.1


class Credentials(Protocol):
    """What a client's *credentials* have to be, where they change while it runs.

    ::

        class FromVault:
            due = False  # only a refusal makes them be asked for again

            async def authorization(self) -> str:
                return f"Bearer {await vault.read('twilio')}"

    ``authorization`` is asked before the first request, before one whose predecessor was answered
    with 401, and whenever ``due`` is true, by one task at a time for all that wait. A request that
    is answered with 401 is sent once more with what it gives then, if that differs. An exception
    from it is a ConnectionFailedError of the call, which is repeated as such: nothing was sent.
    Where what is due cannot be renewed, the former value is used as long as it is not refused.
    """

    @property
    @abstractmethod
    def due(self) -> bool:
        """Whether to ask before the next request, although none was refused."""

    @abstractmethod
    async def authorization(self) -> str:
        """Return the value of the header ``Authorization``, such as ``Bearer …``."""


def _hidden(secret: object) -> SecretText:
    if not isinstance(secret, str) or not _VISIBLE.fullmatch(secret):
        raise ConfigurationError("client_secret must be visible ASCII")
    return SecretText(secret)


@attrs.frozen
class ClientCredentials:
    """An OAuth app of Twilio, whose access tokens a client gets, and renews before they end.

    ``Client(credentials=ClientCredentials(client_id, client_secret))``. The tokens come from
    ``https://oauth.twilio.com/v2/token``, as in Twilio's own libraries, or from ``/v2/token`` below
    the client's *base_url*, and each client has its own.
    """

    client_id: str
    """Id of the OAuth app, as its page shows it."""
    client_secret: str = attrs.field(converter=_hidden)
    """Secret of the app, which no repr shows."""

    def __attrs_post_init__(self) -> None:
        given: object = self.client_id
        if not isinstance(given, str) or not _VISIBLE.fullmatch(given):
            raise ConfigurationError("client_id must be visible ASCII")


class _Token(NamedTuple):
    value: SecretText
    lifetime: float


class AccessTokens:
    """The access tokens of one client; *ask* sends a form to the token endpoint."""

    def __init__(
        self,
        credentials: ClientCredentials,
        ask: Callable[[bytes, Callable[[Answer], _Token]], Awaitable[_Token]],
        clock: Callable[[], float],
    ) -> None:
        fields = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        self._form = SecretBytes(urlencode(fields).encode())
        self._ask = ask
        self._clock = clock
        self._due_at = inf

    @property
    def due(self) -> bool:
        """Whether the token ends soon."""
        return self._clock() >= self._due_at

    async def authorization(self) -> str:
        """Get a token; the error says that none could be had, so nothing else was sent."""
        asked_at = self._clock()
        try:
            token = await self._ask(
                self._form, lambda answer: answer.decoded("an access token", _token)
            )
        except ClientStateError:
            raise
        except AiotaskError as error:
            failure = error
        else:
            early = min(_EARLY, token.lifetime * _SHARE)
            self._due_at = asked_at + token.lifetime - early
            return SecretText(f"Bearer {token.value}")
        raise _failed(failure)


def _failed(error: AiotaskError) -> AiotaskError:
    """Return the error of a call that got no token."""
    refused = isinstance(error, StatusError) and not isinstance(error, RateLimitError)
    if isinstance(error, StatusError) and refused and not fate_unknown(error):
        told = f"the token endpoint refuses the client: {error.message}"
        return AuthenticationError(told, status=error.status, headers=error.headers)
    failure = error
    if not isinstance(error, ConnectionFailedError):
        failure = ConnectionFailedError("")
        failure.__cause__ = error
    failure.message = f"no access token could be had: {error}"
    failure.args = (failure.message,)
    return failure


def _token(body: bytes) -> _Token:
    document = loads(body)
    text = document.get("access_token") if isinstance(document, dict) else None
    if not isinstance(text, str) or not _VISIBLE.fullmatch(text):
        raise ValueError("access_token must be text")
    told: object = document.get("expires_in")
    if isinstance(told, int | float) and told > 0:
        return _Token(SecretText(text), told)
    return _Token(SecretText(text), _lifetime_of(text))


def _lifetime_of(token: str) -> float:
    """Return the seconds that a token says it lives, if it is a JWT that says so."""
    try:
        _, claims, _ = token.split(".")
        told = loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return max(0.0, float(told["exp"] - told["iat"]))
    except (ValueError, TypeError, KeyError):
        return inf
