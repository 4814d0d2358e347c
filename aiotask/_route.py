"""Way to the service: a forward proxy and TLS, as they are given or as the environment has them."""

import logging
import netrc
import os
import re
import ssl as tls
from base64 import b64encode
from pathlib import Path
from typing import NamedTuple
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from aiotask._secret import SecretText
from aiotask.errors import ConfigurationError

_log = logging.getLogger("aiotask")

_SCHEMES = ("http", "https")


class Proxy(NamedTuple):
    """A forward proxy, and the header with the credentials for it.

    The URL has none, for aiohttp shows it.
    """

    url: URL
    authorization: SecretText | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers for the proxy."""
        return {} if self.authorization is None else {"Proxy-Authorization": self.authorization}


class Route:
    """The forward proxy of each request; wrong settings are a ConfigurationError at once.

    *proxy* is for all requests. Without it, the proxies are those of the environment, read here
    and not again: HTTPS_PROXY and HTTP_PROXY, but for the hosts of NO_PROXY, with credentials from
    .netrc where the variable has none.
    """

    def __init__(self, proxy: str | None) -> None:
        self._proxy = None if proxy is None else _proxy(proxy, "proxy")
        self._of_environment: dict[str, Proxy] = {}
        self._known: dict[tuple[str, str | None], Proxy | None] = {}
        if proxy is None:
            found = {name: SecretText(url) for name, url in getproxies().items()}
            self._of_environment = {
                scheme: _with_netrc(_proxy(found[scheme], f"{scheme.upper()}_PROXY"))
                for scheme in _SCHEMES
                if found.get(scheme)
            }

    def proxy_of(self, url: URL) -> Proxy | None:
        """Return the proxy for a request, if it takes one."""
        if self._proxy is not None:
            return self._proxy
        place = url.scheme, url.host
        if place not in self._known:
            bypassed = url.host is None or proxy_bypass(url.host)
            self._known[place] = None if bypassed else self._of_environment.get(url.scheme)
        return self._known[place]


def _proxy(proxy: object, name: str) -> Proxy:
    """Return a proxy; the error shows nothing of it, for it may hold a password."""
    if not isinstance(proxy, str) or not _is_proxy(proxy := SecretText(proxy)):
        raise ConfigurationError(f"{name} must be http://HOST:PORT or https://HOST:PORT")
    own = URL(proxy).with_user(None)
    if URL(proxy).user is None:
        return Proxy(own)
    return Proxy(own, _basic(URL(proxy).user, URL(proxy).password))


def _basic(user: str | None, password: str | None) -> SecretText:
    pair = SecretText(f"{user or ''}:{password or ''}")
    return SecretText(f"Basic {b64encode(pair.encode()).decode()}")


def _is_proxy(proxy: str) -> bool:
    try:
        url = URL(proxy)
        whole = not re.search(r"\s", proxy)
        return bool(whole and url.scheme in _SCHEMES and url.host and url.port)
    except ValueError:
        return False


def _with_netrc(proxy: Proxy) -> Proxy:
    """Return the proxy with the credentials that .netrc has for its host, if it has none."""
    if proxy.authorization is not None:
        return proxy
    place = os.environ.get("NETRC")
    path = Path(place) if place else Path("~", "_netrc" if os.name == "nt" else ".netrc")
    try:
        found = netrc.netrc(path.expanduser()).authenticators(proxy.url.host or "")
    except FileNotFoundError:
        return proxy
    except (netrc.NetrcParseError, OSError, RuntimeError, UnicodeError) as error:
        # The message may quote a password.
        _log.warning("%s is not read for a proxy: %s", path, type(error).__name__)
        return proxy
    if found is None:
        return proxy
    login, account, password = found
    return proxy._replace(authorization=_basic(login or account, password))


def tls_context(given: object) -> tls.SSLContext | None:
    """Return the TLS settings of connections; None stands for the usual ones.

    A path is that of the authorities to trust, a PEM file or a directory of them named by hash.
    """
    if given is None:
        return None
    if isinstance(given, tls.SSLContext):
        if given.protocol is tls.PROTOCOL_TLS_SERVER:
            raise ConfigurationError("ssl is a context for servers; it cannot make connections")
        return given
    if not isinstance(given, str | os.PathLike) or os.fspath(given) == "":
        raise ConfigurationError(
            f"ssl must be an ssl.SSLContext or the path of a CA bundle, not {given!r}"
        )
    path = Path(given)
    try:
        context = tls.create_default_context(
            cafile=None if path.is_dir() else path, capath=path if path.is_dir() else None
        )
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"the CA bundle {path} cannot be read: {reason}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context
