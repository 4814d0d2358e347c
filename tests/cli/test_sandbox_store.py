"""Sandboxes with a store whose process is killed, and the next one with the same store."""

import asyncio
import random
import resource
import signal
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aiotask.sandbox import Sandbox
from tests.cli.commands import LONG, run, spawn

HOST = "sandbox.test"  # the same, whatever the port is


class Running:
    """The command, serving."""

    def __init__(self, store: Path, *options: str, **settings: Any) -> None:
        self._process = spawn("sandbox", "--port", "0", "--store", str(store), *options, **settings)
        assert self._process.stdout is not None
        first, second = (self._process.stdout.readline().decode().split() for _ in range(2))
        self.url = first[3].strip(",")
        self.workspace = second[1]
        self.tasks = f"{self.url}/v1/Workspaces/{self.workspace}/Tasks"

    def end(self, number: signal.Signals) -> subprocess.Popen[bytes]:
        self._process.send_signal(number)
        self._process.communicate(timeout=LONG)
        return self._process


@asynccontextmanager
async def talking() -> AsyncIterator[aiohttp.ClientSession]:
    sandbox = Sandbox()
    token = b64encode(f"{sandbox.account_sid}:{sandbox.auth_token}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Host": HOST}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


def known(task: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in task.items() if name != "age"}


@pytest.mark.campaign
async def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    store, chance = tmp_path / "sandbox.db", random.Random(1)
    acknowledged: dict[str, tuple[str, dict[str, Any]]] = {}
    for _ in range(5):
        running = Running(store)
        left = chance.randrange(1, 120)

        async def create(session: aiohttp.ClientSession, tasks: str) -> None:
            nonlocal left
            while left:
                async with session.post(tasks, data={"Priority": chance.randrange(9)}) as answer:
                    assert answer.status == 201
                    task = await answer.json()
                    acknowledged[task["sid"]] = answer.headers["ETag"], known(task)
                if chance.random() < 0.3:
                    url = f"{tasks}/{task['sid']}"
                    async with session.post(url, data={"Reason": "changed"}) as answer:
                        changed = answer.headers["ETag"], known(await answer.json())
                        acknowledged[task["sid"]] = changed
                left = max(0, left - 1)

        async with talking() as session:
            creators = [asyncio.create_task(create(session, running.tasks)) for _ in range(8)]
            # In the middle of what the others are about.
            await asyncio.wait(creators, return_when=asyncio.FIRST_COMPLETED)
            running.end(signal.SIGKILL)
            await asyncio.gather(*creators, return_exceptions=True)
        assert await found(store, acknowledged) == acknowledged


async def found(store: Path, wanted: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return what of the *wanted* tasks the next sandbox has, each of which is there once."""
    running = Running(store)
    tasks: dict[str, tuple[str, dict[str, Any]]] = {}
    async with talking() as session:
        url = f"{running.tasks}?PageSize=1000"
        while url:
            async with session.get(url) as answer:
                page = await answer.json()
            for task in page["tasks"]:
                assert task["sid"] not in tasks
                async with session.get(f"{running.tasks}/{task['sid']}") as answer:
                    tasks[task["sid"]] = answer.headers["ETag"], known(await answer.json())
            url = (page["meta"]["next_page_url"] or "").replace(f"http://{HOST}", running.url)
    running.end(signal.SIGTERM)
    # An answer that was on its way at the kill may have told of a change that nobody got.
    return {
        sid: wanted[sid] if int(task[0].strip('"')) > int(wanted[sid][0].strip('"')) else task
        for sid, task in tasks.items()
        if sid in wanted
    }


def test_the_command_goes_on_with_the_workspace_of_its_store(tmp_path: Path) -> None:
    workspaces = set()
    for _ in range(2):
        running = Running(tmp_path / "sandbox.db", "--seed", "1")
        workspaces.add(running.workspace)
        assert running.end(signal.SIGTERM).returncode == 0
    assert len(workspaces) == 1


def test_a_store_that_is_in_use_is_wrong_usage(tmp_path: Path) -> None:
    store = tmp_path / "sandbox.db"
    running = Running(store)
    result = run("sandbox", "--port", "0", "--store", str(store))
    running.end(signal.SIGKILL)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"the store {store} is in use by another sandbox" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_no_store_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("Dear diary, " * 100)
    result = run("sandbox", "--port", "0", "--store", str(tmp_path / "diary"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is not the store of a sandbox" in result.stderr


async def log_of_a_new_store(store: Path) -> int:
    """Return how many bytes are written before there is a workspace."""
    async with Sandbox(store=store):
        return store.with_name(f"{store.name}-wal").stat().st_size


@pytest.mark.parametrize("share", [0.1, 0.9, 1.1])
def test_a_full_disk_at_the_start_is_wrong_usage(tmp_path: Path, share: float) -> None:
    store = tmp_path / "sandbox.db"
    most = int(asyncio.run(log_of_a_new_store(tmp_path / "other.db")) * share)
    words = ("sandbox", "--port", "0", "--store", str(store))
    limits = (resource.RLIMIT_FSIZE, (most, most))
    process = spawn(*words, preexec_fn=lambda: resource.setrlimit(*limits))
    try:
        out, error = process.communicate(timeout=LONG)
    finally:
        process.kill()
    assert (process.returncode, out) == (2, b"")
    assert error.startswith(f"Error: the store {store} ".encode())
    assert error.count(b"\n") == 1


def test_a_full_disk_at_the_first_workspace_is_wrong_usage(tmp_path: Path) -> None:
    """The same in this process, which has signals of its own for files that grow too long."""
    store = tmp_path / "sandbox.db"
    most = asyncio.run(log_of_a_new_store(tmp_path / "other.db")) + 1
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        result = run("sandbox", "--port", "0", "--store", str(store))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"the store {store} " in result.stderr
