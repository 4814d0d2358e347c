"""HTTP answers of operations, and the service's error answers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiotask.sandbox._json import dumps
from aiotask.sandbox.model.refusals import Refusal


class Answer(NamedTuple):
    """A status, a JSON body, and an ETag for versioned resources."""

    status: int
    body: bytes = b""
    etag: str | None = None


NO_CONTENT = Answer(204)

_STATUSES: Mapping[int, int] = {
    20003: 401,
    20004: 405,
    20404: 404,
    20412: 412,
    20413: 413,
    20429: 429,
    20500: 500,
    20503: 503,
}
"""HTTP statuses by error code, from Twilio's error dictionary; any other code is a 400."""


def answer(status: int, content: Mapping[str, Any], *, version: int | None = None) -> Answer:
    """Return *content* as JSON; the *version* becomes the ETag, a quoted integer."""
    return Answer(status, dumps(content), None if version is None else f'"{version}"')


def error_answer(refusal: Refusal) -> Answer:
    """Return the documented error body."""
    status = _STATUSES.get(refusal.code, 400)
    return answer(
        status,
        {
            "code": refusal.code,
            # A message may quote lone surrogates that a client sent; JSON cannot hold them.
            "message": refusal.message.encode(errors="replace").decode(),
            "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
            "status": status,
        },
    )


def not_found(path: str) -> Refusal:
    """Return a 404; *path* has no version, as in the service's own message."""
    return Refusal(20404, f"The requested resource {path} was not found")


def method_not_allowed(method: str) -> Refusal:
    """Return a 405."""
    return Refusal(20004, f"Method {method} is not allowed on this resource")


def invalid_page_token() -> Refusal:
    """Return the 400 of a PageToken that the service did not issue."""
    return Refusal(21481, "Invalid PageToken: use the URLs that the API returned")


def too_many_requests() -> Refusal:
    """Return a 429; by Twilio's error dictionary the request was not processed."""
    return Refusal(20429, "Too Many Requests")


def too_large() -> Refusal:
    """Return a 413."""
    return Refusal(20413, "Request entity too large")


def unauthenticated() -> Refusal:
    """Return a 401."""
    return Refusal(20003, "Authenticate")


def precondition_failed() -> Refusal:
    """Return a 412: If-Match names another version, and nothing was changed."""
    return Refusal(20412, "The resource has been modified: If-Match names another version")


def server_error() -> Refusal:
    """Return a 500."""
    return Refusal(20500, "An internal server error has occurred")


INJECTED: Mapping[str, Refusal] = {
    "429": too_many_requests(),
    "500": server_error(),
    "503": Refusal(20503, "Service unavailable"),
}
