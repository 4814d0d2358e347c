"""HTTP responses -> successful answers or errors; pure functions over status and body."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from multidict import CIMultiDict, CIMultiDictProxy

from aiotask._checks import without_long_words
from aiotask._json import JsonSyntaxError, json_or_text
from aiotask._retry import retry_after
from aiotask.errors import (
    AnswerError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    DecodingError,
    NotFoundError,
    NotJsonError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitError,
    ServerError,
    StatusError,
    UnexpectedRedirectError,
)

T = TypeVar("T")
Headers = CIMultiDict[str] | CIMultiDictProxy[str]

_BY_STATUS: Mapping[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionFailedError,
    429: RateLimitError,
}
_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)
_REFUSAL = range(400, 500)
_NO_CONTENT = 204

# Gateways' pages are worth a look.
_SHOWN = 200


class Answer(NamedTuple):
    """A successful answer."""

    status: int
    headers: Headers
    body: bytes

    def decoded(self, what: str, decode: Callable[[bytes], T]) -> T:
        """Return what *decode* makes of the body; its ValueError says why that is not *what*.

        An answer without a document has lost it on the way, perhaps.
        """
        try:
            return decode(self.body)
        except JsonSyntaxError as error:
            kind: type[AnswerError] = NotJsonError
            reason = f"not JSON ({error}): {_described(self.headers, self.body)}"
        except ValueError as error:
            kind, reason = DecodingError, f"not {what} as documented: {error}"
        # Raised out here, it does not drag the other error along, which holds the whole body.
        raise self.wrong(reason, kind)

    def wrong(self, reason: str, kind: type[AnswerError] = DecodingError) -> AnswerError:
        """Return the error for an answer that is not as documented."""
        return kind(reason, status=self.status, headers=self.headers)


def read_answer(status: int, headers: Headers, body: bytes) -> Answer:
    """Return a successful answer, or raise the error that *status* stands for."""
    if status not in _SUCCESS:
        raise _refusal(status, headers, body)
    return Answer(status, headers, b"" if status == _NO_CONTENT else body)


def _refusal(status: int, headers: Headers, body: bytes) -> AnswerError:
    if status in _REDIRECT:
        return UnexpectedRedirectError(
            "a redirect, which is never followed", status=status, headers=headers
        )
    # A status that HTTP does not have counts as a 5xx by RFC 9110, section 15; so does an
    # unsolicited 101.
    kind = _BY_STATUS.get(status, StatusError) if status in _REFUSAL else ServerError
    told = _told(body)
    message = told.get("message") or told.get("detail") or told.get("title")
    message = message or told.get("error_description") or told.get("error")  # RFC 6749, section 5.2
    if not isinstance(message, str):
        message = _described(headers, body)
    error = kind(message, status=status, headers=headers)
    error.code = code if type(code := told.get("code")) is int else None
    error.more_info = text if isinstance(text := told.get("more_info"), str) else None
    error.details = details if isinstance(details := told.get("details"), dict) else None
    error.retry_after = retry_after(error.headers, lambda: datetime.now(UTC))
    return error


def _told(body: bytes) -> dict[str, Any]:
    try:
        document = json_or_text(body.decode())  # nested too deeply, it could not be pickled
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _described(headers: Headers, body: bytes) -> str:
    if not body:
        return "an empty answer"
    kind = headers.get("Content-Type", "unnamed content")
    about = f"{len(body)} bytes of {kind}"
    object_like = "html" not in kind and body.lstrip().startswith(b"{")
    if "json" in kind or object_like:  # half a resource, perhaps: attributes are personal data
        return about
    text = " ".join(body[: 4 * _SHOWN].decode(errors="replace").split())
    return f"{about}: {without_long_words(text)[:_SHOWN]!r}"
