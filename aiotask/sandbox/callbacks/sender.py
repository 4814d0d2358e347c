"""Callback sender: posts signed forms, and reads bounded answers."""

from collections import Counter, deque
from typing import Literal, NamedTuple
from urllib.parse import urlencode

import aiohttp

from aiotask.sandbox.callbacks.forms import Form
from aiotask.sandbox.callbacks.signature import address, sign

Kind = Literal["event", "assignment", "fallback"]

MOST_READ = 65_536
MOST_POSTS = 1_000
_SHOWN = 200  # characters of an answer that are kept

# Servers keep idle connections for some seconds at least. One second stays below that: a server
# that closes a connection while a form is on its way would lose the form.
_IDLE = 1.0
_HEADERS = {
    "Accept": "*/*",
    # Without compression, the bound on what is read is the bound on memory.
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    "User-Agent": "TwilioProxy/1.1",
}


class Reply(NamedTuple):
    """The answer of a receiver; the body is cut at MOST_READ bytes."""

    status: int
    content_type: str
    body: bytes


class Post(NamedTuple):
    """A callback that was posted."""

    at: int
    """When it was posted, in seconds since 1970 by the sandbox's clock."""
    kind: Kind
    """Kind of callback."""
    about: str
    """Type of the event, or SID of the reservation."""
    url: str
    """URL that it was posted to."""
    outcome: str
    """What became of it."""
    status: int | None
    """HTTP status of the answer, None where nobody answered."""
    answer: str
    """Beginning of the answer."""


class CallbackSender:
    """Posts callbacks, counts their outcomes by kind, and keeps the last ones; used in one loop."""

    def __init__(self, auth_token: str, counts: Counter[str]) -> None:
        self.posts: deque[Post] = deque(maxlen=MOST_POSTS)
        self._auth_token = auth_token
        self._counts = counts
        self._session: aiohttp.ClientSession | None = None

    async def post(self, kind: Kind, url: str, form: Form, seconds: float) -> Reply | None:
        """Post a form; return the answer, or None if there is none within *seconds*."""
        reply, outcome = None, "dropped"
        try:
            reply = await self._exchange(url, form, seconds)
            outcome = "answered" if 200 <= reply.status < 300 else "refused"  # noqa: PLR2004
        except TimeoutError:
            outcome = "timed out"
        except Exception:  # noqa: BLE001 - any failure of a receiver or its URL is an outcome
            outcome = "failed"
        finally:
            self._counts[f"{kind} {outcome}"] += 1
            self.posts.append(_post(kind, url, form, outcome, reply))
        return reply

    async def close(self) -> None:
        """Close all connections."""
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


def _post(kind: Kind, url: str, form: Form, outcome: str, reply: Reply | None) -> Post:
    about = form.get("EventType") or form.get("ReservationSid", "")
    status = None if reply is None else reply.status
    answer = "" if reply is None else reply.body[:_SHOWN].decode(errors="replace")
    return Post(int(form["Timestamp"]), kind, about, url, outcome, status, answer)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # The queues limit the number of connections.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=False,
    )


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Return the start of a body; aiohttp closes a connection whose body has not ended."""
    body = bytearray()
    while len(body) < MOST_READ:
        chunk = await content.read(MOST_READ - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)
