"""Plain requests to a sandbox over a real socket, without the client of aiotask."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from aiotask.sandbox import Sandbox
from aiotask.sandbox._workspace import Template

Value = str | int | Sequence[str]
Form = Mapping[str, Value]


class Clock:
    """A clock that a test turns by hand."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Reply:
    """An answer that has been read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def refusal(self) -> tuple[int, int]:
        return self.status, self.json["code"]


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{secret}".encode()).decode()}


class Api:
    """One workspace of a sandbox, by paths that begin below it; others begin with /v1 or http."""

    def __init__(
        self, sandbox: Sandbox, session: aiohttp.ClientSession, template: Template
    ) -> None:
        self.sandbox = sandbox
        self.session = session
        self.workspace = sandbox.create_workspace("Support", template)

    async def __call__(
        self,
        method: str,
        path: str = "",
        form: Form | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        url = self.url(path)
        body = urlencode(form or {}, doseq=True)
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        if method != "POST" and body:
            url, body = f"{url}?{body}", ""
        async with self.session.request(
            method, URL(url, encoded=True), data=body or None, headers=sent
        ) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    def url(self, path: str) -> str:
        if path.startswith("http"):
            return path
        if not path.startswith("/v1"):
            path = f"/v1/Workspaces/{self.workspace}{path}"
        return self.sandbox.url + path

    async def make(self, path: str, **form: Value) -> Any:
        reply = await self("POST", path, form)
        assert reply.status == 201, reply.body
        return reply.json

    async def abandoned(self, method: str, path: str) -> None:
        """Send a request, and leave when it has come in and before it is answered."""
        seen = self.sandbox.requests.total()
        call = asyncio.create_task(self(method, path))
        while self.sandbox.requests.total() == seen:
            await asyncio.sleep(0)
        assert not call.done()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def listed(self, path: str, **filters: Value) -> list[Any]:
        """Return the items of one page."""
        reply = await self("GET", path, filters)
        assert reply.status == 200, reply.body
        return list(reply.json[reply.json["meta"]["key"]])


async def pages(api: Api, path: str, filters: Form) -> list[list[str]]:
    """Follow a list from its first page to its last; return the sids of each."""
    reply = await api("GET", path, filters)
    found = []
    while True:
        assert reply.status == 200, reply.body
        meta = reply.json["meta"]
        found.append([item["sid"] for item in reply.json[meta["key"]]])
        if meta["next_page_url"] is None:
            return found
        reply = await api("GET", meta["next_page_url"])


@asynccontextmanager
async def serving(template: Template = "FIFO", **settings: Any) -> AsyncIterator[Api]:
    """Serve a sandbox that has one workspace."""
    async with Sandbox(**settings) as sandbox:
        credentials = basic(sandbox.account_sid, sandbox.auth_token)
        async with aiohttp.ClientSession(headers=credentials) as session:
            yield Api(sandbox, session, template)
