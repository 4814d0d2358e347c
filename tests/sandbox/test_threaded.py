"""A sandbox in a thread of its own, for code that is no coroutine."""

import inspect
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, get_type_hints
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from twilio.rest import Client

from aiotask.sandbox import Sandbox, SandboxSettings, StoreError, ThreadedSandbox
from tests.sandbox.sandbox_api import Clock, basic

CONTENTS: dict[str, Any] = {"Support": {"template": "FIFO"}}


@pytest.fixture
def sandbox() -> Iterator[ThreadedSandbox]:
    with Sandbox.in_thread(clock=Clock(), seed=1) as sandbox:
        sandbox.fill(CONTENTS)
        yield sandbox


def post(sandbox: ThreadedSandbox, path: str, **form: object) -> Any:
    (workspace,) = sandbox.workspaces
    url = f"{sandbox.url}/v1/Workspaces/{workspace}{path}"
    headers = basic(sandbox.account_sid, sandbox.auth_token)
    with urlopen(Request(url, urlencode(form).encode(), headers)) as answer:  # noqa: S310 - ours
        return json.load(answer)


def test_twilios_library_uses_it_in_a_plain_function(sandbox: ThreadedSandbox) -> None:
    client = Client(sandbox.account_sid, sandbox.auth_token)
    client.taskrouter.base_url = sandbox.url
    (sid,) = sandbox.workspaces
    made = client.taskrouter.v1.workspaces(sid).tasks.create(attributes='{"n": 1}')
    (stored,) = sandbox.tasks(sid)
    assert (stored.sid, stored.attributes) == (made.sid, '{"n": 1}')
    assert sandbox.requests == {"POST Tasks": 1}
    assert sandbox.answers == {201: 1}


def test_every_control_of_a_sandbox_works_without_a_loop(sandbox: ThreadedSandbox) -> None:
    (sid,) = sandbox.workspaces
    task = post(sandbox, "/Tasks")
    worker = sandbox.create_worker(sid, "Ana", {"level": 1}, "Offline")
    assert sandbox.reserve(task["sid"], worker).startswith("WR")
    sandbox.assign(task["sid"])
    sandbox.set_status(task["sid"], "wrapping")
    assert sandbox.snapshot()["Support"]["tasks"][0]["assignment_status"] == "wrapping"
    made = sandbox.create_task(sid, {"attributes": {}})
    assert sandbox.outlook(made).assignment_status == "pending"
    sandbox.set_status(made, "canceled")
    assert sandbox.posts == []
    sandbox.freeze_index()
    post(sandbox, "/Tasks", Timeout=60)
    sandbox.thaw_index()
    sandbox.advance(seconds=60)
    assert [each.assignment_status for each in sandbox.tasks(sid)] == [
        "wrapping",
        "canceled",
        "canceled",
    ]
    sandbox.faults.next("POST", "/Tasks", "before_503")
    with pytest.raises(HTTPError, match="503"):
        post(sandbox, "/Tasks")
    assert sandbox.injected == {"before_503": 1}
    assert (sandbox.refused, sandbox.debugger, sandbox.callbacks) == (0, [], {})
    assert sandbox.create_workspace("Other", "NONE") == sandbox.workspaces[1]
    assert {sandbox.api_key[:2], sandbox.api_secret[:2]} == {"SK", "01"}


def test_callbacks_reach_a_receiver_in_another_thread(sandbox: ThreadedSandbox) -> None:
    seen = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        post(sandbox, "", EventCallbackUrl=f"http://127.0.0.1:{receiver.server_port}/")
        post(sandbox, "/Tasks")
        sandbox.callbacks_sent()
        receiver.shutdown()
        thread.join()
    assert len(seen) == sandbox.callbacks["event answered"] == 5


def test_what_it_held_can_be_read_after_it_has_closed() -> None:
    made = Sandbox.in_thread()
    with made as sandbox:
        sandbox.fill(CONTENTS)
        url = sandbox.url
    assert list(sandbox.snapshot()) == ["Support"]
    sandbox.callbacks_sent()
    with pytest.raises(RuntimeError, match="is not serving"):
        _ = sandbox.url
    with pytest.raises(OSError, match="refused"):
        urlopen(url)  # noqa: S310 - ours
    with made as sandbox:
        assert list(sandbox.snapshot()) == ["Support"]
    assert "taskrouter-sandbox" not in {thread.name for thread in threading.enumerate()}


def test_it_can_be_filled_before_it_serves() -> None:
    made = Sandbox.in_thread()
    made.fill(CONTENTS)
    with made as sandbox:
        assert post(sandbox, "/Tasks")["assignment_status"] == "pending"


def test_a_sandbox_that_cannot_start_leaves_no_thread(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="in use"), Sandbox.in_thread(port=taken.getsockname()[1]):
            pass
    with pytest.raises(StoreError), Sandbox.in_thread(store=tmp_path / "no" / "store.db"):
        pass
    assert "taskrouter-sandbox" not in {thread.name for thread in threading.enumerate()}


def test_it_serves_once_at_a_time(sandbox: ThreadedSandbox) -> None:
    with pytest.raises(RuntimeError, match="is serving already"):
        sandbox.__enter__()
    assert post(sandbox, "/Tasks")["priority"] == 0


def test_a_wrong_setting_is_an_error_at_once() -> None:
    with pytest.raises(TypeError, match="pages"):
        Sandbox.in_thread(pages=3)  # type: ignore[call-arg]  # that is the test
    with pytest.raises(ValueError, match="the share of faults"):
        Sandbox.in_thread(faults=3)


async def test_a_coroutine_can_use_it_too(sandbox: ThreadedSandbox) -> None:
    assert sandbox.create_workspace("Other") in sandbox.workspaces


def public(kind: type) -> dict[str, Any]:
    """Return the parameters and the result of each public member, None for a property."""
    return {
        name: None if isinstance(member, property) else inspect.signature(member)
        for name in dir(kind)
        if name[0] != "_"
        for member in [getattr(kind, name)]
    }


def test_it_has_the_members_of_a_sandbox_with_their_parameters() -> None:
    mine, of_sandbox = public(ThreadedSandbox), public(Sandbox)
    assert mine.pop("faults") is None  # an attribute of the other
    # Pages are coroutines of the loop that they are served in.
    of_the_loop = {"start", "close", "in_thread", "open_side_door", "put_beside"}
    assert of_sandbox.keys() - mine.keys() == of_the_loop
    assert all(of_sandbox[name] == mine[name] for name in mine)


def test_the_type_of_the_settings_has_every_one() -> None:
    parameters = inspect.signature(Sandbox).parameters
    hints = get_type_hints(Sandbox.__init__)
    assert get_type_hints(SandboxSettings) == {name: hints[name] for name in parameters}
