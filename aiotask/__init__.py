"""The asynchronous client for Twilio TaskRouter, made for creating tasks by the hundred thousand.

async with aiotask.Client() as client:
tasks = client.taskrouter.workspace("WS…").tasks
task = await tasks.create(attributes={"type": "support"}, priority=5)
"""

from aiotask._client import Client
from aiotask._decoding import to_dict
from aiotask._paging import Listing, Page
from aiotask._retry import RetryPolicy
from aiotask._version import __version__
from aiotask.bulk import Created, Outcome, Rejected, Unresolved
from aiotask.errors import (
    AccessError,
    AiotaskError,
    AnswerError,
    AuthenticationError,
    BadRequestError,
    ClientStateError,
    ConfigurationError,
    ConflictError,
    ConnectionFailedError,
    ConnectionLostError,
    DecodingError,
    IncompleteAnswerError,
    NotFoundError,
    NotJsonError,
    PageCycleError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProtocolError,
    RateLimitError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    StatusError,
    TLSError,
    TransportError,
    UnexpectedRedirectError,
    UnsafeNextPageError,
)

__all__ = [
    "AccessError",
    "AiotaskError",
    "AnswerError",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ClientStateError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "ConnectionLostError",
    "Created",
    "DecodingError",
    "IncompleteAnswerError",
    "Listing",
    "NotFoundError",
    "NotJsonError",
    "Outcome",
    "Page",
    "PageCycleError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "ProtocolError",
    "RateLimitError",
    "Rejected",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "StatusError",
    "TLSError",
    "TransportError",
    "UnexpectedRedirectError",
    "Unresolved",
    "UnsafeNextPageError",
    "__version__",
    "to_dict",
]
