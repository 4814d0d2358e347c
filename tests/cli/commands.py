"""Commands against a sandbox in another thread, in this process or in their own."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from aiotask.cli import main
from aiotask.sandbox import Sandbox, StoredTask

LONG = 200.0


class Service:
    """A sandbox in another thread, so that a command has the main thread and its signals."""

    def __init__(self, sandbox: Sandbox, loop: asyncio.AbstractEventLoop) -> None:
        self.sandbox = sandbox
        self._loop = loop
        self.workspace = self.ask(lambda: sandbox.create_workspace("Support"))

    @property
    def options(self) -> list[str]:
        return ["--workspace", self.workspace, "--base-url", self.sandbox.url]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "TWILIO_ACCOUNT_SID": self.sandbox.account_sid,
            "TWILIO_AUTH_TOKEN": self.sandbox.auth_token,
        }

    def ask(self, question: Callable[[], Any]) -> Any:
        async def asked() -> Any:
            return question()

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(LONG)

    def advance(self, *, hours: float) -> None:
        """Let time go by on the service."""
        advancing = self.sandbox.advance(hours=hours)
        asyncio.run_coroutine_threadsafe(advancing, self._loop).result(LONG)

    def tasks(self) -> list[StoredTask]:
        tasks: list[StoredTask] = self.ask(lambda: self.sandbox.tasks(self.workspace))
        return tasks

    def run(self, *words: str, **environment: str) -> Result:
        return run(*words, *self.options, **(self.environment | environment))

    def spawn(self, *words: str, **settings: Any) -> subprocess.Popen[bytes]:
        return spawn(*words, *self.options, environment=self.environment, **settings)


@contextmanager
def service(**settings: Any) -> Iterator[Service]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    sandbox = Sandbox(**settings)
    asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(LONG)
    try:
        yield Service(sandbox, loop)
    finally:
        asyncio.run_coroutine_threadsafe(_closed(sandbox), loop).result(LONG)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _closed(sandbox: Sandbox) -> None:
    await sandbox.close()
    for _ in range(10):
        await asyncio.sleep(0)  # connections that clients have left end in the turns after that


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, words, env=environment)


def spawn(
    *words: str, environment: dict[str, str] | None = None, **settings: Any
) -> subprocess.Popen[bytes]:
    pipes: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "aiotask", *words],
        env={**os.environ, **(environment or {})},
        **(pipes | settings),
    )


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def numbers(local: Service) -> Counter[int]:
    return Counter(json.loads(task.attributes)["n"] for task in local.tasks())


def lines(count: int) -> str:
    return "".join(f'{{"attributes": {{"n": {n}}}}}\n' for n in range(1, count + 1))


def outcomes(path: Path) -> dict[int, dict[str, Any]]:
    return {row["line"]: row for row in map(json.loads, path.read_text().splitlines())}


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def standard_input(text: bytes) -> Iterator[None]:
    """Replace the file descriptor of this process's standard input."""
    kept = os.dup(0)
    out, into = os.pipe()
    os.write(into, text)
    os.close(into)
    os.dup2(out, 0)
    os.close(out)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def typed(command: str, local: Service) -> subprocess.CompletedProcess[str]:
    """Run a command as a message tells users to type it."""
    python = shlex.quote(sys.executable)
    return subprocess.run(  # noqa: S602 - it is a line of a shell
        command.replace("aiotask tasks", f"{python} -m aiotask tasks"),
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **local.environment},
    )
