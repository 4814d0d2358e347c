"""Forms out, signed, and bounded answers in: the only part of the sandbox that calls others."""

from collections import Counter
from typing import Literal, NamedTuple
from urllib.parse import urlencode

import aiohttp

from aiotask.sandbox.callbacks.forms import Form
from aiotask.sandbox.callbacks.signature import address, sign

Kind = Literal["event", "assignment", "fallback"]

MOST_READ = 65_536

# Servers keep an idle connection for some seconds at least, and one that they close while a form
# is on its way would lose the form.
_IDLE = 1.0
_HEADERS = {
    "Accept": "*/*",
    # Nothing has to be unpacked that turns out to be larger than it looked.
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    "User-Agent": "TwilioProxy/1.1",
}


class Reply(NamedTuple):
    """What a receiver answered, to begin with."""

    status: int
    content_type: str
    body: bytes


class CallbackSender:
    """Posts callbacks, and counts under their kind what became of them; used in one loop."""

    def __init__(self, auth_token: str, counts: Counter[str]) -> None:
        self._auth_token = auth_token
        self._counts = counts
        self._session: aiohttp.ClientSession | None = None

    async def post(self, kind: Kind, url: str, form: Form, seconds: float) -> Reply | None:
        """Return what a receiver answers within *seconds*, or None."""
        reply, outcome = None, "dropped"
        try:
            reply = await self._exchange(url, form, seconds)
            outcome = "answered" if 200 <= reply.status < 300 else "refused"  # noqa: PLR2004
        except TimeoutError:
            outcome = "timed out"
        except Exception:  # noqa: BLE001 - whatever a receiver and its URL bring about is theirs
            outcome = "failed"
        finally:
            self._counts[f"{kind} {outcome}"] += 1
        return reply

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _exchange(self, url: str, form: Form, seconds: float) -> Reply:
        place = address(url)
        if self._session is None:
            self._session = _session()
        async with self._session.post(
            place,
            data=urlencode(form).encode(),
            headers={"X-Twilio-Signature": sign(self._auth_token, place, form)},
            timeout=aiohttp.ClientTimeout(total=seconds),
            allow_redirects=False,
        ) as answer:
            body = await _read(answer.content)
            return Reply(answer.status, answer.headers.get("Content-Type", ""), body)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # How many there may be is for the queues to say.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=False,
    )


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Return the beginning of a body; a connection whose body has not ended is not used again."""
    body = bytearray()
    while len(body) < MOST_READ:
        chunk = await content.read(MOST_READ - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)
