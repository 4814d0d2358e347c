"""Exceptions of aiotask.

    AiotaskError
    ├── ConfigurationError              wrong settings (a ValueError too)
    ├── ClientStateError                a client not entered, closed, or on another loop
    ├── JournalError                    the journal of a bulk run cannot be used; path
    │   ├── JournalLockedError          another run uses it
    │   ├── ForeignJournalError         it belongs to another job, or is no journal
    │   ├── InputChangedError           the rows are not those of the earlier run
    │   ├── JournalVersionError         a newer aiotask wrote it, or an older one its tables
    │   ├── JournalDamagedError         its contents are damaged
    │   ├── JournalFullError            no space is left on the disk
    │   ├── JournalAccessError          no permission to read or write it
    │   └── JournalIOError              reading or writing it failed
    ├── TransportError                  no answer came
    │   ├── ConnectionFailedError       no connection was made: nothing was sent
    │   │   └── TLSError                its certificate or TLS version is not accepted
    │   ├── ConnectionLostError         it was lost when the request may have been sent
    │   └── RequestTimeoutError         no complete answer within the timeout
    └── AnswerError                     an answer came: status, code, message, headers, ...
        ├── ProtocolError               it is not as the service documents
        │   ├── DecodingError           it has another shape than documented
        │   │   └── NotJsonError        ... and is not JSON at all
        │   ├── IncompleteAnswerError   it ended in the middle
        │   ├── ResponseTooLargeError   longer than aiotask reads
        │   ├── UnexpectedRedirectError 3xx; redirects are never followed
        │   ├── UnsafeNextPageError     a next page of another host or path
        │   └── PageCycleError          a next page that was visited before
        └── StatusError                 the service refuses; other 4xx are this class itself
            ├── BadRequestError         400
            ├── AccessError
            │   ├── AuthenticationError   401
            │   └── PermissionDeniedError 403
            ├── NotFoundError           404
            ├── ConflictError           409
            ├── PreconditionFailedError 412: the ETag given as if_match is outdated
            ├── RateLimitError          429: refused, certainly not done
            └── ServerError             5xx

Errors hold plain values only, never a response, a client or a secret, and they pickle.
A caller's mistake (a misspelt name, a value that is not valid) is a plain ``TypeError`` or
``ValueError``, raised before anything is sent.
"""

import re
from collections.abc import Mapping
from typing import Any

from multidict import CIMultiDict

from aiotask._checks import printable

__all__ = [
    "AccessError",
    "AiotaskError",
    "AnswerError",
    "AuthenticationError",
    "BadRequestError",
    "ClientStateError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "ConnectionLostError",
    "DecodingError",
    "ForeignJournalError",
    "IncompleteAnswerError",
    "InputChangedError",
    "JournalAccessError",
    "JournalDamagedError",
    "JournalError",
    "JournalFullError",
    "JournalIOError",
    "JournalLockedError",
    "JournalVersionError",
    "NotFoundError",
    "NotJsonError",
    "PageCycleError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "ProtocolError",
    "RateLimitError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "ServerError",
    "StatusError",
    "TLSError",
    "TransportError",
    "UnexpectedRedirectError",
    "UnsafeNextPageError",
]


_SHOWN = 1000  # characters of the service's message
_SHOWN_ID = 100  # characters of its name for the request

_WORKSPACE = re.compile("/v1/Workspaces/(WS[0-9a-fA-F]{32})(.*)")
# What every workspace has: its collections, and statistics of all that is in one.
_ALWAYS_THERE = re.compile("/[A-Za-z]+(/[A-Za-z]*Statistics)?")


class AiotaskError(Exception):
    """Base class of all exceptions of aiotask.

    ``method`` and ``url`` (without its query) name the request that failed, and are None without
    one; ``attempts`` counts the requests that were sent or tried. ``maybe_applied`` is True if the
    service may have acted although no usable answer came. ``cursor`` is set by listings:
    ``list(cursor=error.cursor)`` continues with the page that failed.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.method: str | None = None
        self.url: str | None = None
        self.attempts = 0
        self.maybe_applied = False
        self.cursor: str | None = None

    def __str__(self) -> str:
        return printable(f"{self._summary()}{self._request()}")

    def _summary(self) -> str:
        return self.message

    def _request(self) -> str:
        if self.method is None:
            return ""
        tries = f", {self.attempts} attempts" if self.attempts > 1 else ""
        fate = "; it may have been carried out" if self.maybe_applied else ""
        return f" ({self.method} {self.url}{tries}{fate})"


class ConfigurationError(AiotaskError, ValueError):
    """Credentials, hosts or settings are missing or wrong."""


class ClientStateError(AiotaskError):
    """The client is not entered, is closed, or belongs to another loop or process."""


class JournalError(AiotaskError):
    """The journal of a bulk run cannot be used; its contents are left as they are.

    ``where`` is its path or URL. The same call resumes the run once the reason is gone; nothing
    that was created is created again.
    """

    def __init__(self, message: str, where: str) -> None:
        super().__init__(message)
        self.where = where

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.where), self.__dict__

    def _summary(self) -> str:
        return f"the journal {self.where} {self.message}"


class JournalLockedError(JournalError):
    """Another run uses the journal: two at once could send one row twice."""


class ForeignJournalError(JournalError):
    """The journal belongs to another workspace or another key, or is no journal."""


class InputChangedError(JournalError):
    """The rows are not those of the journal's earlier run; new rows may only follow them."""


class JournalVersionError(JournalError):
    """A newer version of aiotask wrote the journal, or an older one made its tables."""


class JournalDamagedError(JournalError):
    """The contents of the journal are damaged."""


class JournalFullError(JournalError):
    """No space is left for the journal; rows that were under way have ended."""


class JournalAccessError(JournalError):
    """The journal is not a file, its server cannot be reached, or a permission is missing."""


class JournalIOError(JournalError):
    """Reading or writing the journal failed; the last writes may not be on the disk."""


class TransportError(AiotaskError):
    """No answer came."""


class ConnectionFailedError(TransportError):
    """No connection was made, or no credentials were to be had, so nothing was sent.

    ``proxy_status`` is the status with which a forward proxy refused the way to the service (407 if
    it does not accept the credentials for itself), and None if none did.
    """

    proxy_status: int | None = None


class TLSError(ConnectionFailedError):
    """The other side has no certificate that can be trusted, or no TLS version that is allowed."""


class ConnectionLostError(TransportError):
    """The connection broke when the request may already have been sent."""


class RequestTimeoutError(TransportError):
    """No complete answer came within the client's timeout; the request may have been sent."""


class AnswerError(AiotaskError):
    """An answer came, but not a successful one.

    ``code`` is the service's own error number (https://www.twilio.com/docs/api/errors) and
    ``more_info`` its page, ``request_id`` the ``Twilio-Request-Id``, ``retry_after`` the wait
    that the service asks for, in seconds, and ``headers`` the answer's headers, whose names are
    looked up without regard to case. Members that the answer lacks are None.
    """

    def __init__(self, message: str, *, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers: CIMultiDict[str] = CIMultiDict(headers)
        self.headers.popall("Set-Cookie", None)
        self.request_id: str | None = self.headers.get("Twilio-Request-Id")
        self.code: int | None = None
        self.more_info: str | None = None
        self.details: Mapping[str, Any] | None = None
        self.retry_after: float | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.status, self.headers), self.__dict__

    def _summary(self) -> str:
        known = [f"status {self.status}"]
        known += [] if self.code is None else [f"code {self.code}"]
        known += [] if self.request_id is None else [f"request {self.request_id[:_SHOWN_ID]}"]
        return f"{self.message[:_SHOWN]} [{', '.join(known)}]"


def _rebuild(
    kind: type[AnswerError], message: str, status: int, headers: Mapping[str, str]
) -> AnswerError:
    return kind(message, status=status, headers=headers)


class ProtocolError(AnswerError):
    """The answer is not as the service documents."""


class DecodingError(ProtocolError):
    """The answer has another shape than documented."""


class NotJsonError(DecodingError):
    """The answer is not JSON, or empty: it may come from a proxy, not from the service."""


class IncompleteAnswerError(ProtocolError):
    """The answer ended in the middle, or its compression is damaged."""


class ResponseTooLargeError(ProtocolError):
    """The answer is longer, decompressed, than aiotask reads, or consists of too many values."""


class UnexpectedRedirectError(ProtocolError):
    """The answer is a redirect, which is not followed: the credentials are for one host."""


class UnsafeNextPageError(ProtocolError):
    """A page names a next page of another host or path; it was not asked for."""


class PageCycleError(ProtocolError):
    """A page names a next page that the listing has visited before."""


class StatusError(AnswerError):
    """The service refuses the request."""


class BadRequestError(StatusError):
    """400: a parameter that the service does not accept, or a state that does not allow it."""


class AccessError(StatusError):
    """The credentials do not allow the request."""


class AuthenticationError(AccessError):
    """401: the credentials are wrong, or belong to another region, or get no access token.

    ``credentials`` tells which ones were sent, masked, and where the client has them from.
    """

    credentials: str | None = None

    def _request(self) -> str:
        sent = "" if self.credentials is None else f"; sent were {self.credentials}"
        return f"{super()._request()}{sent}"


class PermissionDeniedError(AccessError):
    """403: the credentials are right but not permitted to do this, or the account is suspended."""


class NotFoundError(StatusError):
    """404: no such resource; the service removes a task about five minutes after its end.

    Below a workspace that the credentials do not reach, nothing is found either.
    """

    def _request(self) -> str:
        return f"{super()._request()}{self._workspace()}"

    def _workspace(self) -> str:
        found = _WORKSPACE.search(self.url or "")
        if found is None:
            return ""
        sid, below = found.groups()
        missing = f"the workspace {sid} does not exist"
        if _ALWAYS_THERE.fullmatch(below):
            missing = f"the workspace {sid} may not exist"
        elif below:
            missing = f"it, or the workspace {sid} itself, does not exist"
        return f"; {missing} in the account or the region of these credentials"


class ConflictError(StatusError):
    """409: the request conflicts with the resource's present state."""


class PreconditionFailedError(StatusError):
    """412: the resource has changed since the ETag given as ``if_match``; nothing was done."""


class RateLimitError(StatusError):
    """429: too many requests; by Twilio's error 20429 the request was not carried out."""


class ServerError(StatusError):
    """5xx, or a status that HTTP does not have: the service failed, and may have acted or not."""
