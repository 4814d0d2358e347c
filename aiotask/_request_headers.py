"""Headers of requests: the same for all of one kind."""

import platform
from typing import NamedTuple

import aiohttp
from multidict import CIMultiDict

from aiotask._checks import header_value
from aiotask._secret import SecretText
from aiotask._version import __version__

_USER_AGENT = (
    f"aiotask/{__version__} Python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
)


class RequestHeaders(NamedTuple):
    """The headers of requests that read, that send a form, and that send a JSON document."""

    reading: CIMultiDict[str]
    writing: CIMultiDict[str]
    asking: CIMultiDict[str]


def request_headers(authorization: SecretText, user_agent: str | None = None) -> RequestHeaders:
    """Return the headers of a client; *user_agent*, if any, goes before what names aiotask."""
    agent = _USER_AGENT
    if user_agent is not None:
        agent = f"{header_value('user_agent', user_agent)} {agent}"
    reading = CIMultiDict(
        {
            "Authorization": authorization,
            "Accept": "application/json",
            "User-Agent": agent,
        }
    )
    writing, asking = reading.copy(), reading.copy()
    writing["Content-Type"] = "application/x-www-form-urlencoded"
    asking["Content-Type"] = "application/json"
    return RequestHeaders(reading, writing, asking)
