"""A server that costs next to nothing: fixed answers of TaskRouter's form, over bare HTTP/1.1.

It runs in a process of its own, so that what is measured is the client alone. Every POST is
answered with one task, whose sid is `TASK`, every GET with a page of tasks that leads to the next
one. The rows are realistic: all documented fields, attributes of about 100 characters, and dates
that move on by one second a task, so that a client gains little by remembering them.

It prints its URL and ends when its standard input does.
"""

import argparse
import asyncio
import json
import re
import socket
import sys
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

ACCOUNT = "AC5ef8732a3c49700934481addd5ce1659"
WORKSPACE = "WS4ee0bcd1c0b5d8d8b9ed2ba7d1a3b4e6"
WORKFLOW = "WWf7a05a4c9b1f4f0db6c1d8e5a2b39c70"
QUEUE = "WQ63868a235fc1cf3987e6a2b67346273f"
CHANNEL = "TCe62e25b1a9f04c9a8ad3a1c7f5b0d4a9"

# Pages beyond these repeat their rows: a long listing must not make this process large.
_MOST_DISTINCT_PAGES = 10
_FIRST = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_TOKEN = re.compile(rb"[?&]PageToken=PT([0-9a-f]+)")
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

_HEADERS = """\
Content-Type: application/json\r
Date: Mon, 02 Mar 2026 08:00:00 GMT\r
Server: envoy\r
Vary: Origin\r
Access-Control-Allow-Origin: *\r
Access-Control-Allow-Credentials: true\r
Access-Control-Expose-Headers: ETag\r
ETag: "0"\r
Twilio-Request-Id: RQ8d1f0c6b2a9e4b7f8c3d5e6a7b8c9d0e\r
Twilio-Concurrent-Requests: 1\r
Twilio-Request-Duration: 0.023\r
X-API-Domain: taskrouter.twilio.com\r
Strict-Transport-Security: max-age=31536000\r
"""


def _moment(seconds: int) -> str:
    return (_FIRST + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _task(base: str, number: int) -> dict[str, Any]:
    """Return a task as the service shows it, with every documented field."""
    random = Random(number)
    sid = f"WT{random.getrandbits(128):032x}"
    workspace = f"{base}/v1/Workspaces/{WORKSPACE}"
    created = _moment(number)
    attributes = {
        "type": "support",
        "language": random.choice(["en", "es", "de"]),
        "customer": f"{random.getrandbits(32):08x}",
        "number": number,
        "skills": ["billing", "returns"],
    }
    return {
        "account_sid": ACCOUNT,
        "addons": "{}",
        "age": 86_400 - number % 86_400,
        "assignment_status": random.choice(["pending", "reserved", "assigned"]),
        "attributes": json.dumps(attributes, separators=(",", ":")),
        "date_created": created,
        "date_updated": _moment(number + random.randrange(600)),
        "ignore_capacity": False,
        "links": {
            "reservations": f"{workspace}/Tasks/{sid}/Reservations",
            "task_queue": f"{workspace}/TaskQueues/{QUEUE}",
            "workflow": f"{workspace}/Workflows/{WORKFLOW}",
            "workspace": workspace,
        },
        "priority": 5,
        "reason": None,
        "routing_target": None,
        "sid": sid,
        "task_channel_sid": CHANNEL,
        "task_channel_unique_name": "default",
        "task_queue_entered_date": created,
        "task_queue_friendly_name": "Second level support",
        "task_queue_sid": QUEUE,
        "timeout": 86_400,
        "url": f"{workspace}/Tasks/{sid}",
        "virtual_start_time": created,
        "workflow_friendly_name": "Default FIFO workflow",
        "workflow_sid": WORKFLOW,
        "workspace_sid": WORKSPACE,
    }


def _text(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def _answer(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\n{_HEADERS}Content-Length: {len(body)}\r\n\r\n{body}".encode()


TASK = _task("", 0)["sid"]


class Answers:
    """All that the server says, put together beforehand."""

    def __init__(self, base: str, pages: int, page_size: int) -> None:
        self._list = f"{base}/v1/Workspaces/{WORKSPACE}/Tasks"
        self._pages = pages
        self._page_size = page_size
        self._path = self._list.removeprefix(base).encode()
        task = _task(base, 0)
        self._created = _answer("201 Created", _text(task))
        self._posted = {self._path, self._path + b"/" + task["sid"].encode()}
        self._rows = [
            _text([_task(base, page * page_size + number) for number in range(page_size)])
            for page in range(min(pages, _MOST_DISTINCT_PAGES))
        ]

    def to(self, head: bytes) -> bytes:
        """Return the answer to a request with this head."""
        method, target, _ = head.split(b" ", 2)
        path = target.partition(b"?")[0]
        if method == b"POST" and path in self._posted:
            return self._created
        if path != self._path:
            return _NOT_FOUND
        token = _TOKEN.search(target)
        page = int(token[1], 16) if token else 0
        return self._page(page) if method == b"GET" and page < self._pages else _NOT_FOUND

    def _page(self, page: int) -> bytes:
        meta = {
            "page": page,
            "page_size": self._page_size,
            "first_page_url": f"{self._list}?PageSize={self._page_size}&Page=0",
            "previous_page_url": self._url(page - 1) if page else None,
            "url": self._url(page),
            "next_page_url": self._url(page + 1) if page + 1 < self._pages else None,
            "key": "tasks",
        }
        rows = self._rows[page % len(self._rows)]
        return _answer("200 OK", f'{{"tasks":{rows},"meta":{_text(meta)}}}')

    def _url(self, page: int) -> str:
        return f"{self._list}?PageSize={self._page_size}&Page={page}&PageToken=PT{page:032x}"


class Connection(asyncio.Protocol):
    """Answers requests in their order, however they are cut into packets."""

    def __init__(self, answers: Answers, latency: float) -> None:
        self._answers = answers
        self._latency = latency
        self._received = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where the answers go."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("not a connection that can be written to")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer all requests that are complete."""
        self._received += data
        answers = []
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                break
            del self._received[:whole]
            answers.append(self._answers.to(head))
        if not answers:
            return
        if self._latency:
            loop = asyncio.get_running_loop()
            loop.call_later(self._latency, self._transport.write, b"".join(answers))
        else:
            self._transport.write(b"".join(answers))


async def serve(pages: int, page_size: int, latency: float) -> None:
    """Serve on a free port until standard input ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    answers = Answers(base, pages, page_size)
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: Connection(answers, latency), sock=listening):
        print(base, flush=True)
        await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1)
    parser.add_argument("--page-size", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    asyncio.run(serve(options.pages, options.page_size, options.latency))
