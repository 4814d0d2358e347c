"""What an operation gives back: an answer, or a refusal in the service's own error body."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiotask.sandbox._json import dumps


class Answer(NamedTuple):
    """A status, a body of JSON, and the version of a task where there is one."""

    status: int
    body: bytes = b""
    etag: str | None = None


NO_CONTENT = Answer(204)


def answer(status: int, content: Mapping[str, Any], *, version: int | None = None) -> Answer:
    """Return *content* as an answer; a *version* becomes the quoted integer that ETags are."""
    return Answer(status, dumps(content), None if version is None else f'"{version}"')


class Refusal(Exception):  # noqa: N818 - not an error of the sandbox, but an answer of the service
    """The service's way to say no."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.parameter = ""
        """Which parameter is to blame, where it is a single one."""

    def answer(self) -> Answer:
        """Return the documented error body: code, message, more_info and status."""
        return answer(
            self.status,
            {
                "code": self.code,
                # What a client sent may hold halves of surrogate pairs, which JSON cannot.
                "message": self.message.encode(errors="replace").decode(),
                "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
                "status": self.status,
            },
        )


def invalid(message: str, parameter: str = "") -> Refusal:
    """Return a 400 with 20001, which TaskRouter gives for any wrong parameter or transition."""
    refusal = Refusal(400, 20001, message)
    refusal.parameter = parameter
    return refusal


def not_found(path: str) -> Refusal:
    """Return a 404 that names *path* as the service does: without its version."""
    return Refusal(404, 20404, f"The requested resource {path} was not found")


def method_not_allowed(method: str) -> Refusal:
    """Return a 405."""
    return Refusal(405, 20004, f"Method {method} is not allowed on this resource")


def invalid_page_token() -> Refusal:
    """Return what Twilio's error dictionary has for a PageToken that it did not give."""
    return Refusal(400, 21481, "Invalid PageToken: use the URLs that the API returned")


def too_many_requests() -> Refusal:
    """Return a 429; Twilio says of 20429 that the request was not processed."""
    return Refusal(429, 20429, "Too Many Requests")


def too_large() -> Refusal:
    """Return a 413."""
    return Refusal(413, 20413, "Request entity too large")


def unauthenticated() -> Refusal:
    """Return a 401."""
    return Refusal(401, 20003, "Authenticate")


def precondition_failed() -> Refusal:
    """Return a 412: Twilio changes nothing when If-Match names another version."""
    return Refusal(412, 20412, "The resource has been modified: If-Match names another version")


def server_error() -> Refusal:
    """Return a 500."""
    return Refusal(500, 20500, "An internal server error has occurred")


INJECTED: Mapping[str, Refusal] = {
    "429": too_many_requests(),
    "500": server_error(),
    "503": Refusal(503, 20503, "Service unavailable"),
}
