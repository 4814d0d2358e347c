"""Headers of requests: the same for all of one kind."""

import platform
from typing import NamedTuple

import aiohttp
from multidict import CIMultiDict

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


def request_headers(authorization: SecretText) -> RequestHeaders:
    """Return the headers of a client."""
    reading = CIMultiDict(
        {
            "Authorization": authorization,
            "Accept": "application/json",
            "User-Agent": _USER_AGENT,
        }
    )
    writing, asking = reading.copy(), reading.copy()
    writing["Content-Type"] = "application/x-www-form-urlencoded"
    asking["Content-Type"] = "application/json"
    return RequestHeaders(reading, writing, asking)
