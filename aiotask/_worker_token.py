"""Access tokens of workers, with which TaskRouter's JavaScript SDK speaks for one of them."""

import time
from typing import Any

from aiotask._checks import Sid
from aiotask._secret import SecretText

# https://www.twilio.com/docs/iam/access-tokens: at most 24 hours
_LONGEST = 24 * 60 * 60


def worker_token(
    account_sid: str,
    api_key: str,
    api_secret: str,
    workspace_sid: str,
    worker_sid: str,
    ttl: int = 3600,
) -> str:
    """Return the access token of a worker, valid from now on for *ttl* seconds, up to 86,400.

    It is for ``new TaskRouter.Worker(token)`` of ``twilio-taskrouter`` in a browser: a JWT with the
    TaskRouter grant, in the role ``worker``, signed by an API key (an auth token cannot sign one).
    A value that cannot be right is a ValueError. It needs the extra ``tokens``.
    """
    secret: object = api_secret
    secret = SecretText(secret) if isinstance(secret, str) else None
    del api_secret
    grant = {
        "workspace_sid": _sid("workspace_sid", "WS", workspace_sid),
        "worker_sid": _sid("worker_sid", "WK", worker_sid),
        "role": "worker",
    }
    account, key = _sid("account_sid", "AC", account_sid), _sid("api_key", "SK", api_key)
    if not secret:
        raise ValueError("api_secret: must be text")
    if type(ttl) is not int or not 1 <= ttl <= _LONGEST:
        raise ValueError(f"ttl: must be an int 1 to {_LONGEST}, not {ttl!r}")
    now = int(time.time())
    claims = {
        "jti": f"{key}-{now}",
        "iss": key,
        "sub": account,
        "nbf": now,
        "exp": now + ttl,
        "grants": {"task_router": grant},
    }
    signed: str = _jwt().encode(claims, secret, "HS256", headers={"cty": "twilio-fpa;v=1"})
    return signed


def _sid(name: str, prefix: str, given: str) -> str:
    try:
        return Sid(prefix)(given)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _jwt() -> Any:
    try:
        import jwt  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        if error.name != "jwt":
            raise
        raise ImportError(
            "aiotask.worker_token needs its extra: pip install 'aiotask[tokens]'"
        ) from None
    return jwt
