"""Access tokens of OAuth 2.0 for client credentials, which end by the sandbox's clock.

Twilio documents the request, and an answer with ``access_token``, ``token_type`` and
``expires_in``. Undocumented are its refusals; the sandbox's are those of RFC 6749, section 5.2.
"""

from base64 import urlsafe_b64encode
from random import Random

from aiotask.sandbox._json import dumps
from aiotask.sandbox.clock.rate_window import Clock
from aiotask.sandbox.wire.answers import Answer, answer
from aiotask.sandbox.wire.parameters import Parameters

PATH = "/v2/token"

_HEADER = {"alg": "HS256", "typ": "JWT"}


class Tokens:
    """Issues tokens to one client, and knows those that are good; each lives *lifetime* seconds."""

    def __init__(
        self, client_id: str, client_secret: str, lifetime: float, clock: Clock, random: Random
    ) -> None:
        if not lifetime > 0:
            raise ValueError(f"token_lifetime must be above 0, not {lifetime}")
        self._client = client_id, client_secret
        self._lifetime = lifetime
        self._clock = clock
        self._random = random
        self._ends: dict[str, float] = {}

    def answer(self, method: str, form: bytes) -> Answer:
        """Return the answer to a request for a token."""
        if method != "POST":
            return _refused(405, "invalid_request")
        given = dict(Parameters.parse(form).pairs)
        if given.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type")
        if (given.get("client_id"), given.get("client_secret")) != self._client:
            return _refused(401, "invalid_client")
        token = self._issue()
        content = {"access_token": token, "token_type": "Bearer", "expires_in": self._lifetime}
        return answer(200, content)

    def accept(self, token: str) -> bool:
        """Whether a token is good now."""
        now = self._clock()
        return self._ends.get(token, now) > now

    def revoke(self) -> None:
        """Make all tokens end now."""
        self._ends.clear()

    def _issue(self) -> str:
        now = self._clock()
        self._ends = {token: end for token, end in self._ends.items() if end > now}
        claims = {"exp": int(now + self._lifetime), "jti": f"{self._random.getrandbits(128):032x}"}
        parts = [dumps(_HEADER), dumps(claims), self._random.randbytes(32)]
        token = ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        self._ends[token] = now + self._lifetime
        return token


def _refused(status: int, error: str) -> Answer:
    return answer(status, {"error": error})
