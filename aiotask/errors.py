"""Everything that aiotask raises on purpose.

    AiotaskError
    ├── ConfigurationError              settings that cannot work (a ValueError too)
    ├── ClientStateError                a client not entered, closed, or on another loop
    ├── JournalError                    the journal of a bulk creation cannot be used; path
    │   ├── JournalLockedError          another run has it
    │   ├── ForeignJournalError         it is of another job, or no journal at all
    │   ├── InputChangedError           the rows are not those that it was begun with
    │   ├── JournalVersionError         a newer aiotask made it
    │   ├── JournalDamagedError         what is in it makes no sense
    │   ├── JournalFullError            no space is left for it
    │   ├── JournalAccessError          it may not be read or written
    │   └── JournalIOError              reading or writing it failed
    ├── TransportError                  no answer came
    │   ├── ConnectionFailedError       there never was a connection: nothing was sent
    │   │   └── TLSError                its certificate or TLS version is not good
    │   ├── ConnectionLostError         it broke when the request may have been sent
    │   └── RequestTimeoutError         no complete answer within the timeout
    └── AnswerError                     an answer came: status, code, message, headers ...
        ├── ProtocolError               it is not what the service documents
        │   ├── DecodingError           it has another shape than documented
        │   │   └── NotJsonError        ... and is not JSON at all
        │   ├── IncompleteAnswerError   it broke off in the middle
        │   ├── ResponseTooLargeError   longer than is read
        │   ├── UnexpectedRedirectError 3xx; redirects are never followed
        │   ├── UnsafeNextPageError     a next page outside the listing's own origin and path
        │   └── PageCycleError          a listing that leads back to a page it already gave
        └── StatusError                 the service says no; other 4xx are this class itself
            ├── BadRequestError         400
            ├── AccessError
            │   ├── AuthenticationError   401
            │   └── PermissionDeniedError 403
            ├── NotFoundError           404
            ├── ConflictError           409
            ├── PreconditionFailedError 412: the resource is no longer at the ETag given as if_match
            ├── RateLimitError          429: refused, certainly not done
            └── ServerError             5xx

Errors hold plain values only, never a response, a client or a secret, and they pickle.
What the caller got wrong in a call (a misspelt name, a value that cannot be right) is a plain
``TypeError`` or ``ValueError``, raised before anything is sent.
"""

from collections.abc import Mapping
from typing import Any

from multidict import CIMultiDict

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


_SHOWN = 1000  # characters of what the service says ...
_SHOWN_ID = 100  # ... and of the name that it gives the request


def _one_line(text: str) -> str:
    """Return *text* as one line without control characters, which can be written anywhere."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


class AiotaskError(Exception):
    """The root of everything that aiotask raises on purpose.

    ``method`` and ``url`` (without its query) say which request failed, and are None where there
    was none; ``attempts`` counts the requests that were sent or tried. ``maybe_applied`` is True
    where the service may have acted although no usable answer came. ``cursor`` is set by listings:
    ``list(cursor=error.cursor)`` goes on with the page that failed.
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
        return _one_line(f"{self._summary()}{self._request()}")

    def _summary(self) -> str:
        return self.message

    def _request(self) -> str:
        if self.method is None:
            return ""
        tries = f", {self.attempts} attempts" if self.attempts > 1 else ""
        fate = "; it may have been carried out" if self.maybe_applied else ""
        return f" ({self.method} {self.url}{tries}{fate})"


class ConfigurationError(AiotaskError, ValueError):
    """Credentials, hosts or settings are missing or cannot work."""


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
    """Another run has the journal: two at once could send one row twice."""


class ForeignJournalError(JournalError):
    """The journal is of another workspace or was begun with another key, or is no journal."""


class InputChangedError(JournalError):
    """The rows are not those that the journal was begun with; a row that is new may follow them."""


class JournalVersionError(JournalError):
    """A newer version of aiotask made the journal."""


class JournalDamagedError(JournalError):
    """What is in the journal makes no sense."""


class JournalFullError(JournalError):
    """There is no space left for the journal; rows that were under way have ended."""


class JournalAccessError(JournalError):
    """The journal may not be read or written, or is no file."""


class JournalIOError(JournalError):
    """Reading or writing the journal failed: what was written last may not be on the disk."""


class TransportError(AiotaskError):
    """No answer came."""


class ConnectionFailedError(TransportError):
    """There never was a connection, so nothing was sent."""


class TLSError(ConnectionFailedError):
    """The other side has no certificate that can be trusted, or no TLS version that is allowed."""


class ConnectionLostError(TransportError):
    """The connection broke when the request may already have been sent."""


class RequestTimeoutError(TransportError):
    """No complete answer came within the client's timeout; the request may have been sent."""


class AnswerError(AiotaskError):
    """An answer came, and it is not the one that was asked for.

    ``code`` is the service's own error number (https://www.twilio.com/docs/api/errors) and
    ``more_info`` its page, ``request_id`` the ``Twilio-Request-Id``, ``retry_after`` the wait
    that the service asks for, in seconds, and ``headers`` the answer's headers, whose names are
    looked up without regard to case. What the answer does not say is None.
    """

    def __init__(self, message: str, *, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = CIMultiDict(headers)
        self.headers.popall("Set-Cookie", None)
        self.request_id = self.headers.get("Twilio-Request-Id")
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
    """The answer is not what the service documents."""


class DecodingError(ProtocolError):
    """The answer has another shape than documented."""


class NotJsonError(DecodingError):
    """The answer is not JSON, or empty: something on the way gave it, perhaps, not the service."""


class IncompleteAnswerError(ProtocolError):
    """The answer broke off in the middle, or its compression is damaged."""


class ResponseTooLargeError(ProtocolError):
    """The answer is longer, decompressed, than aiotask reads, or consists of too many values."""


class UnexpectedRedirectError(ProtocolError):
    """The answer is a redirect; the credentials are for one host, so none is followed."""


class UnsafeNextPageError(ProtocolError):
    """A page names a next page outside the listing's own origin and path; it was not asked for."""


class PageCycleError(ProtocolError):
    """A page names a next page that the listing already gave."""


class StatusError(AnswerError):
    """The service says no."""


class BadRequestError(StatusError):
    """400: a parameter that the service does not take, or a state that does not allow it."""


class AccessError(StatusError):
    """The credentials do not allow it."""


class AuthenticationError(AccessError):
    """401: the credentials are wrong, or of another region."""


class PermissionDeniedError(AccessError):
    """403: the credentials are right but may not do this, or the account is suspended."""


class NotFoundError(StatusError):
    """404: no such resource; a task is gone about five minutes after it is closed."""


class ConflictError(StatusError):
    """409: in conflict with the resource's present state."""


class PreconditionFailedError(StatusError):
    """412: the resource has changed since the ETag given as ``if_match``; nothing was done."""


class RateLimitError(StatusError):
    """429: too many requests; the request was not carried out, by Twilio's error 20429."""


class ServerError(StatusError):
    """5xx, or no status of HTTP at all: the service failed; a change may have been made or not."""
