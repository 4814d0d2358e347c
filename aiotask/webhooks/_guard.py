"""Checks of a callback before its handler, the same for every framework."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from enum import Enum
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from aiotask.errors import ConfigurationError
from aiotask.webhooks._body import CallbackError
from aiotask.webhooks.callbacks import (
    AssignmentCallback,
    EventCallback,
    parse_assignment,
    parse_events,
)
from aiotask.webhooks.signature import SignatureVerifier

Paths = str | Collection[str]
Parsed = list[EventCallback] | AssignmentCallback | None

_log = logging.getLogger("aiotask.webhooks")

_BAD_REQUEST = 400
_FORBIDDEN = 403
_TOO_LARGE = 413


class Kind(Enum):
    """The callback that is expected at a path."""

    EVENTS = "events"
    ASSIGNMENT = "assignments"
    SIGNED = "signed"


class Asked(NamedTuple):
    """A request as its server shows it: *target* is the raw path with the query."""

    scheme: str
    target: str
    headers: Callable[[str], str | None]
    peer: str | None


class RefusedError(Exception):
    """A request that gets *status* and no reason; the log has it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """Checks requests and parses them, as both middlewares describe it."""

    def __init__(
        self,
        verifier: SignatureVerifier,
        *,
        events: Paths,
        assignments: Paths,
        signed: Paths,
        origin: str | None,
        trusted_proxies: Iterable[str],
        max_age: float | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(verifier, SignatureVerifier):
            raise ConfigurationError("verifier must be a SignatureVerifier")
        self.max_body = verifier.max_body
        self._verifier = verifier
        self._kinds = _kinds(
            {Kind.EVENTS: events, Kind.ASSIGNMENT: assignments, Kind.SIGNED: signed}
        )
        if max_age is not None and not max_age > 0:
            raise ConfigurationError(f"max_age must be above 0 seconds, not {max_age!r}")
        self._origin = None if origin is None else _origin(origin)
        self._proxies = _Proxies(trusted_proxies)
        self._max_age = max_age
        self._clock = clock

    def kind(self, path: str) -> Kind | None:
        """Return what is expected at a decoded *path*, or None where nothing is checked."""
        # Some routers take //events for /events.
        plain = _plain(path)
        for place, kind in self._kinds.items():
            if plain == place or plain.startswith(f"{place.rstrip('/')}/"):
                return kind
        return None

    def measure(self, length: int) -> None:
        """Refuse a body of *length* bytes, or more to come, that is too long."""
        if length > self.max_body:
            raise RefusedError(_TOO_LARGE, f"the body is longer than {self.max_body} bytes")

    def declared(self, asked: Asked) -> None:
        """Refuse a body that is too long by its own declaration, before it is read."""
        length = asked.headers("Content-Length") or ""
        if length.isascii() and length.isdigit():
            self.measure(int(length[:20]))  # more digits would be longer than any limit, too

    def admit(self, kind: Kind, asked: Asked, body: bytes) -> Parsed:
        """Return what is in the body, or refuse the request."""
        self.measure(len(body))
        url = self._url(asked)
        signature = asked.headers("X-Twilio-Signature")
        if not signature:
            raise RefusedError(_FORBIDDEN, "it has no X-Twilio-Signature")
        content_type = asked.headers("Content-Type")
        if not self._verifier.verify(url, body, signature, content_type=content_type):
            told = url.partition("?")[0]
            raise RefusedError(
                _FORBIDDEN,
                f"its signature is not one of this body at {told!r}, with its query, by this token",
            )
        try:
            match kind:
                case Kind.EVENTS:
                    events = parse_events(body, max_body=self.max_body)
                    for event in events:
                        self._recent(event.timestamp)
                    return events
                case Kind.ASSIGNMENT:
                    assignment = parse_assignment(body, max_body=self.max_body)
                    self._recent(assignment.timestamp)
                    return assignment
                case Kind.SIGNED:
                    return None
        except CallbackError as error:
            raise RefusedError(_BAD_REQUEST, str(error)) from None

    def tell(self, asked: Asked, refused: RefusedError) -> None:
        """Log why a request is refused: without its query, its body and its signature."""
        path = asked.target.partition("?")[0]
        _log.warning("a callback to %r is answered with %d: %s", path, refused.status, refused)

    def _recent(self, timestamp: datetime | None) -> None:
        if self._max_age is None:
            return
        if timestamp is None:
            raise RefusedError(_FORBIDDEN, "it has no Timestamp, and max_age asks for one")
        age = self._clock() - timestamp.timestamp()
        if age > self._max_age:
            raise RefusedError(
                _FORBIDDEN, f"it is {age:.0f} s old, and max_age is {self._max_age:g} s"
            )

    def _url(self, asked: Asked) -> str:
        if self._origin is not None:
            return self._origin + asked.target
        scheme, host, prefix = asked.scheme, asked.headers("Host"), ""
        if self._proxies.trust(asked.peer):
            scheme = _last(asked, "X-Forwarded-Proto") or scheme
            host = _last(asked, "X-Forwarded-Host") or host
            prefix = (_last(asked, "X-Forwarded-Prefix") or "").rstrip("/")
        if not host:
            raise RefusedError(_FORBIDDEN, "it has no Host")
        return f"{scheme}://{host}{prefix}{asked.target}"


class _Proxies:
    """Peers whose X-Forwarded-* headers count."""

    def __init__(self, trusted: Iterable[str]) -> None:
        named = [trusted] if isinstance(trusted, str) else list(trusted)
        self._all = "*" in named
        try:
            self._networks = [ip_network(each, strict=False) for each in named if each != "*"]
        except ValueError as error:
            raise ConfigurationError(f"trusted_proxies: {error}, nor *") from None

    def trust(self, peer: str | None) -> bool:
        if self._all:
            return True
        try:
            address = ip_address(peer or "")
        except ValueError:  # a Unix socket's peer has no address
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


def _last(asked: Asked, name: str) -> str | None:
    # Of several values the nearest proxy, which is the trusted one, wrote the last.
    return (asked.headers(name) or "").rpartition(",")[2].strip() or None


def _kinds(expected: Mapping[Kind, Paths]) -> dict[str, Kind]:
    """Return what is expected at each path; those below another come before it."""
    kinds: dict[str, Kind] = {}
    for kind, paths in expected.items():
        for path in [paths] if isinstance(paths, str) else paths:
            if not path.startswith("/"):
                raise ConfigurationError(f"{kind.value}: a path begins with /, unlike {path!r}")
            other = kinds.setdefault(_plain(path), kind)
            if other is not kind:
                raise ConfigurationError(f"{kind.value}: {path!r} is one of {other.value} already")
    if not kinds:
        raise ConfigurationError("no path to check: give events=, assignments= or signed=")
    return {path: kinds[path] for path in sorted(kinds, key=len, reverse=True)}


def _plain(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"origin must be as https://hooks.example.com, perhaps with a prefix, not {text!r}"
        )
    return text.rstrip("/")
