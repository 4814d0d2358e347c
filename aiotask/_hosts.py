"""Hosts of the products: by region and edge, or one base URL for all; pure functions."""

import ipaddress
import re

from yarl import URL

from aiotask.errors import ConfigurationError

_LABEL = re.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# A region without an edge, or an edge without a region, gets what Twilio's own libraries give it.
# Hosts with a region alone stop working on April 28, 2026
# (https://www.twilio.com/docs/global-infrastructure/api-domain-migration-guide).
_EDGES = {
    "au1": "sydney",
    "br1": "sao-paulo",
    "de1": "frankfurt",
    "ie1": "dublin",
    "jp1": "tokyo",
    "jp2": "osaka",
    "sg1": "singapore",
    "us1": "ashburn",
    "us2": "umatilla",
}
_HOME_REGION = "us1"

# The part of a path that is the same on every host; a proxy may put a prefix before it.
_RESOURCE = re.compile("/v1/(Workspaces|Assistants)(?![^/])")
_PRODUCTS = {"Workspaces": "taskrouter", "Assistants": "autopilot"}
_USUAL_PORTS = {"http": 80, "https": 443}


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
    for label in (edge, region):
        if label and not _LABEL.fullmatch(label):
            raise ConfigurationError(f"{label!r} is not the name of a region or edge")
    if region and not edge:
        edge = _EDGES.get(region)
        if edge is None:
            raise ConfigurationError(
                f"the region {region!r} has no edge that is known: give the edge too "
                f"(TWILIO_EDGE), or one of the regions {', '.join(_EDGES)}"
            )
    labels = [product] if not edge else [product, edge, region or _HOME_REGION]
    return f"https://{'.'.join(labels)}.twilio.com"


def is_same_resource(own: URL, other: URL) -> bool:
    """Whether *other* names the resource that is asked for at *own*; a ValueError if it is no URL.

    *own* may be at a proxy. The service does not know it, and names its own host: that of any
    region or edge, or the proxy's with another scheme, or without the prefix of its paths.
    """
    found = _RESOURCE.search(own.raw_path)
    if found is None or other.raw_path not in (own.raw_path, own.raw_path[found.start() :]):
        return False
    if other.scheme not in _USUAL_PORTS:
        return False
    host, port = (other.raw_host or "").lower(), other.explicit_port
    usual = port in (None, _USUAL_PORTS[other.scheme])
    if host == (own.raw_host or "").lower():
        return usual or port == own.port
    return usual and _is_host_of(_PRODUCTS[found[1]], host)


def _is_host_of(product: str, host: str) -> bool:
    name, *labels = host.removesuffix(".twilio.com").split(".")
    return (
        host.endswith(".twilio.com")
        and name == product
        and len(labels) <= 2  # noqa: PLR2004 - an edge and a region
        and all(_LABEL.fullmatch(label) for label in labels)
    )


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
