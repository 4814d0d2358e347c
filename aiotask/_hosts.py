"""Base URLs of the products: by region and edge, or one for all; pure functions."""

import ipaddress
import re

from yarl import URL

from aiotask.errors import ConfigurationError

_LABEL = re.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# The region of an edge without one, as in Twilio's own libraries.
_HOME_REGION = "us1"


def product_base(
    product: str,
    *,
    region: str | None,
    edge: str | None,
    base_url: str | None,
    allow_insecure: bool,
) -> str:
    """Return the base URL of a product's paths, without a slash at its end."""
    if base_url is not None:
        return _checked_base(base_url, allow_insecure=allow_insecure)
    if edge and not region:
        region = _HOME_REGION
    labels = [product, *(label for label in (edge, region) if label)]
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise ConfigurationError(f"{label!r} is not the name of a region or edge")
    return f"https://{'.'.join(labels)}.twilio.com"


def _checked_base(base_url: str, *, allow_insecure: bool) -> str:
    url = _parsed(base_url)
    if url is None:
        raise ConfigurationError("base_url is not a URL")
    if url.user is not None or url.password is not None:
        del url  # a traceback may show its locals
        raise ConfigurationError(
            "base_url holds credentials; give them as parameters of the client"
        )
    if url.scheme not in {"http", "https"} or not url.host or url.port is None:
        raise ConfigurationError("base_url must be http://… or https://… with a host")
    if url.query_string or url.fragment:
        raise ConfigurationError("base_url must have neither a query nor a fragment")
    if url.scheme == "http" and not (allow_insecure or _is_loopback(url.host)):
        raise ConfigurationError(
            "base_url is plain http to another machine: anyone on the network path can read the "
            "credentials; use https, or allow it (allow_insecure=True, --allow-insecure)"
        )
    return str(url).rstrip("/")


def _parsed(base_url: str) -> URL | None:
    try:
        url = URL(base_url)
        url.port  # noqa: B018 - parsed only when it is read, and may not be a number
    except (TypeError, ValueError):  # its message may quote a secret
        return None
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
