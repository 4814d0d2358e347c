"""What an answer means: a document, or one of our errors. Pure functions over status and body."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy

from aiotask._decoding import loads
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
_FAILURE = range(500, 600)
_NO_CONTENT = 204

# Gateways' pages are worth a look; what could be a token, or somebody's data, is not shown.
_LONG_WORD = re.compile(r"[\w+/=.-]{24,}")
_SHOWN = 200


class Answer(NamedTuple):
    """A successful answer: what it says, and what an error about it has to say."""

    status: int
    headers: Headers
    document: Any

    def wrong(self, reason: str, kind: type[AnswerError] = DecodingError) -> AnswerError:
        """Return the error for an answer that is not as documented."""
        return kind(reason, status=self.status, headers=self.headers)


def read_answer(status: int, headers: Headers, body: bytes) -> Answer:
    """Return a successful answer, or raise the error that *status* stands for."""
    if status not in _SUCCESS:
        raise _refusal(status, headers, body)
    if status == _NO_CONTENT or not body:
        return Answer(status, headers, None)
    try:
        return Answer(status, headers, loads(body))
    except ValueError as error:
        reason = f"not JSON ({error}): {_described(headers, body)}"
        raise NotJsonError(reason, status=status, headers=headers) from None


def _refusal(status: int, headers: Headers, body: bytes) -> AnswerError:
    if status in _REDIRECT:
        return UnexpectedRedirectError(
            "a redirect, which is never followed", status=status, headers=headers
        )
    kind = ServerError if status in _FAILURE else _BY_STATUS.get(status, StatusError)
    told = _told(body)
    message = told.get("message") or told.get("detail") or told.get("title")
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
        document = loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _described(headers: Headers, body: bytes) -> str:
    if not body:
        return "an empty answer"
    kind = headers.get("Content-Type", "unnamed content")
    about = f"{len(body)} bytes of {kind}"
    if "json" in kind:  # half a resource, perhaps: attributes are personal data
        return about
    text = " ".join(body[: 4 * _SHOWN].decode(errors="replace").split())
    return f"{about}: {_LONG_WORD.sub('…', text)[:_SHOWN]!r}"
