"""Headers of requests: the same for all of one kind."""

import platform
import re
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
from multidict import CIMultiDict

from aiotask._checks import header_value, shortened
from aiotask._secret import SecretText
from aiotask._version import __version__

_USER_AGENT = (
    f"aiotask/{__version__} Python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
)


# RFC 9110, section 5.6.2
_NAME = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Those of aiotask, and those by which HTTP knows where a request ends.
_OURS = frozenset(
    {
        *("accept", "accept-encoding", "authorization", "content-type", "if-match", "user-agent"),
        *("connection", "content-encoding", "content-length", "expect", "host", "keep-alive"),
        *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding"),
        "upgrade",
    }
)


class RequestHeaders(NamedTuple):
    """The headers of requests that read, that send a form, and that send a JSON document."""

    reading: CIMultiDict[str]
    writing: CIMultiDict[str]
    asking: CIMultiDict[str]

    def with_more(self, headers: Mapping[str, str]) -> "RequestHeaders":
        """Return these with others besides; a ValueError names one that cannot be set."""
        more = [(_settable(name), header_value(name, value)) for name, value in headers.items()]
        copies = RequestHeaders(*(each.copy() for each in self))
        for each in copies:
            each.update(more)
        return copies


def _settable(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"headers: {shortened(name)} is not the name of a header")
    if name.lower() in _OURS:
        raise ValueError(f"headers: {name} is set by aiotask, and cannot be replaced")
    return name


def request_headers(
    authorization: SecretText | None, user_agent: str | None = None
) -> RequestHeaders:
    """Return the headers of a client; without *authorization* where that changes.

    *user_agent*, if any, goes before what names aiotask.
    """
    agent = _USER_AGENT
    if user_agent is not None:
        agent = f"{header_value('user_agent', user_agent)} {agent}"
    reading = CIMultiDict[str]()
    if authorization is not None:
        reading["Authorization"] = authorization
    reading.update({"Accept": "application/json", "User-Agent": agent})
    writing, asking = reading.copy(), reading.copy()
    writing["Content-Type"] = "application/x-www-form-urlencoded"
    asking["Content-Type"] = "application/json"
    return RequestHeaders(reading, writing, asking)


def authorized(headers: CIMultiDict[str], authorization: SecretText) -> CIMultiDict[str]:
    """Return headers with the present credentials."""
    headers = headers.copy()
    headers["Authorization"] = authorization
    return headers
