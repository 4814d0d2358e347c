"""The three ways to TaskRouter that are compared: aiotask, aiohttp by hand, and twilio-python."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import orjson
from multidict import CIMultiDict
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client as TwilioClient
from yarl import URL

import aiotask
from aiotask.taskrouter import NewTask, Tasks

T = TypeVar("T")

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - opens only the servers of benchmarks
IN_FLIGHT = 50


def new_task(number: int) -> NewTask:
    """Return a row with attributes of about 100 characters."""
    return {
        "attributes": {
            "type": "support",
            "language": "en",
            "customer": f"{number * 2654435761 % 2**32:08x}",
            "number": number,
            "skills": ["billing", "returns"],
        },
        "priority": 5,
    }


async def workers(rows: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Do *work* on every row, so many at a time as a bulk creation has under way."""
    left = iter(rows)

    async def one() -> None:
        for row in left:
            await work(row)

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(one())


@asynccontextmanager
async def aiotask_tasks(base: str, workspace: str, **settings: Any) -> AsyncIterator[Tasks]:
    """Give a workspace's tasks as aiotask has them."""
    async with aiotask.Client(ACCOUNT, TOKEN, base_url=base, **settings) as client:
        yield client.taskrouter.workspace(workspace).tasks


@asynccontextmanager
async def twilio_tasks(
    base: str, workspace: str, max_retries: int | None = None
) -> AsyncIterator[Any]:
    """Give a workspace's tasks as twilio-python has them, as it comes but for the host."""
    async with AsyncTwilioHttpClient(max_retries=max_retries) as http:
        client = TwilioClient(ACCOUNT, TOKEN, http_client=http)
        client.taskrouter.base_url = base
        yield client.taskrouter.v1.workspaces(workspace).tasks


@asynccontextmanager
async def bare_tasks(base: str, workspace: str) -> AsyncIterator["BareTasks"]:
    """Give a workspace's tasks by aiohttp alone: tuned, and nothing is checked."""
    connector = aiohttp.TCPConnector()
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield BareTasks(session, f"{base}/v1/Workspaces/{workspace}/Tasks")


class BareTasks:
    """Aiohttp and orjson alone: no checks, no errors, no objects, no second attempts."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._tasks = URL(url, encoded=True)
        self._reading = CIMultiDict(
            {
                "Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN),
                "Accept": "application/json",
                "User-Agent": "bare",
            }
        )
        self._writing = self._reading.copy()
        self._writing["Content-Type"] = "application/x-www-form-urlencoded"

    async def create(self, row: NewTask) -> Any:
        """Create a task."""
        return await self._post(self._tasks, row)

    async def update(self, row: Mapping[str, Any]) -> Any:
        """Update the task that a row names."""
        return await self._post(URL(f"{self._url}/{row['sid']}", encoded=True), row)

    async def _post(self, url: URL, row: Mapping[str, Any]) -> Any:
        fields = {"Attributes": orjson.dumps(row["attributes"]), "Priority": row["priority"]}
        # Reading to the end gives the connection back; `async with` would cost a little more.
        response = await self._session.post(
            url,
            data=urlencode(fields).encode(),
            headers=self._writing,
            allow_redirects=False,
        )
        return orjson.loads(await response.read())

    async def pages(self, page_size: int) -> AsyncIterator[list[Any]]:
        """Yield page after page of undecoded rows."""
        url: str | None = f"{self._url}?PageSize={page_size}"
        while url is not None:
            response = await self._session.get(
                URL(url, encoded=True), headers=self._reading, allow_redirects=False
            )
            page = orjson.loads(await response.read())
            yield page["tasks"]
            url = page["meta"]["next_page_url"]
