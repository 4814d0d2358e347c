"""Unusable stores: error messages, and files that stay as they are."""

import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from aiotask.sandbox import Sandbox, StoreError
from aiotask.sandbox.storage.archive import Archive
from aiotask.sandbox.storage.database import Database
from tests.sandbox.sandbox_api import Clock
from tests.sandbox.stored_sandbox import Kept, kept, session

NOBODY = 65_534


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.db"


@pytest.fixture
async def api_of() -> AsyncIterator[Callable[[Sandbox], Kept]]:
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(session()) for _ in range(2)]
        yield lambda sandbox: Kept(sandbox, sessions.pop())


@contextmanager
def editing(store: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(store)) as file, file:
        yield file


async def filled(store: Path, tasks: int = 20) -> Path:
    async with kept(store, Clock()) as api:
        here = f"/v1/Workspaces/{api.sandbox.create_workspace('Support')}"
        for number in range(tasks):
            await api.make(f"{here}/Tasks", Priority=number)
    return store


def content(store: Path) -> bytes:
    return store.read_bytes() if store.is_file() else b""


def write(store: Path, content: bytes) -> None:
    store.write_bytes(content)


async def refusal(store: Path, **settings: Any) -> str:
    """Return why a sandbox does not open a store, which stays as it is."""
    before = content(store)
    with pytest.raises(StoreError) as caught:
        await Sandbox(store=store, **settings).start()
    assert content(store) == before
    assert str(caught.value).startswith(f"the store {store} ")
    return str(caught.value).removeprefix(f"the store {store} ")


async def test_a_new_store_is_for_its_owner_only(store: Path) -> None:
    before = os.umask(0)
    try:
        async with Sandbox(store=str(store)) as sandbox:
            sandbox.create_workspace("Support")
            modes = {path.name: path.stat().st_mode & 0o777 for path in store.parent.iterdir()}
            assert modes == {"sandbox.db": 0o600, "sandbox.db-wal": 0o600}
    finally:
        os.umask(before)
    assert list(store.parent.iterdir()) == [store]


async def test_a_store_is_in_use_by_one_sandbox_at_a_time(store: Path) -> None:
    async with Sandbox(store=store) as first:
        workspace = first.create_workspace("Support")
        for _ in range(2):
            with pytest.raises(StoreError, match="is in use by another sandbox"):
                await Sandbox(store=store).start()
        assert first.create_workspace("Sales") != workspace
    async with Sandbox(store=store) as second:
        assert second.workspaces[0] == workspace


async def test_a_sandbox_that_cannot_listen_leaves_its_store(store: Path) -> None:
    async with Sandbox() as other:
        port = int(other.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address"):
            await Sandbox(port=port).start()
        with pytest.raises(OSError, match="address"):
            await Sandbox(store=store, port=port).start()
    async with Sandbox(store=store):
        pass


async def test_an_empty_file_becomes_a_store(store: Path) -> None:
    write(store, b"")
    await filled(store)


@pytest.mark.parametrize("other", [b"x", b"Dear diary, " * 1000, bytes(4096)])
async def test_another_file_is_not_taken_for_a_store(store: Path, other: bytes) -> None:
    write(store, other)
    assert (await refusal(store)).startswith("is not the store of a sandbox")


async def test_another_database_is_not_taken_for_a_store(store: Path) -> None:
    with editing(store) as file:
        file.execute("CREATE TABLE recipes (name)")
    assert await refusal(store) == "is not the store of a sandbox"


async def test_a_newer_store_is_refused(store: Path) -> None:
    with editing(await filled(store)) as file:
        file.execute("PRAGMA user_version = 2")
    assert await refusal(store) == "was made by a newer version of aiotask"


async def test_the_store_of_another_account_is_refused(store: Path) -> None:
    await filled(store)
    said = await refusal(store, account_sid="AC" + "0" * 32)
    assert said == "belongs to account AC0123456789abcdef0123456789abcdef"
    await filled(store)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
async def test_a_store_that_is_cut_is_damaged(store: Path, share: float) -> None:
    whole = content(await filled(store))
    write(store, whole[: int(len(whole) * share)])
    assert (await refusal(store)).startswith("is damaged")


async def test_a_store_with_a_page_of_noise_is_damaged(store: Path) -> None:
    whole = content(await filled(store))
    for page in range(1, len(whole) // 4096):
        noise = bytes(range(256)) * 16
        write(store, whole[: page * 4096] + noise + whole[(page + 1) * 4096 :])
        assert (await refusal(store)).startswith("is damaged")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE tasks SET content = 'no JSON' WHERE position IN (SELECT position FROM tasks)",
        "UPDATE tasks SET content = '{}'",
        "UPDATE tasks SET content = '[]'",
        """UPDATE tasks SET content = '{"surprise": 1}'""",
        "UPDATE tasks SET holder = 'WS0'",
        "DELETE FROM workflows",
        "DELETE FROM workspaces",
        "DELETE FROM events WHERE last = 10",
        """UPDATE workflows SET content = replace(content, 'task_routing', 'route')""",
        """UPDATE queues SET content = replace(content, '1==1', 'a-b == 1')""",
        "DROP TABLE queues",
        "DROP TABLE meta",
    ],
)
async def test_a_store_whose_contents_make_no_sense_is_damaged(store: Path, damage: str) -> None:
    with editing(await filled(store)) as file:
        assert file.execute(damage).rowcount
    said = await refusal(store)
    assert said.startswith(("is damaged: ", "fails: no such table"))


async def test_a_store_needs_a_place(tmp_path: Path) -> None:
    write(tmp_path / "file", b"")
    assert (await refusal(tmp_path)).startswith("cannot be opened")
    assert (await refusal(tmp_path / "file" / "x")).startswith("cannot be made: ")
    assert await refusal(tmp_path / "none" / "x") == "cannot be made: No such file or directory"


@contextmanager
def unprivileged(place: str) -> Iterator[None]:
    """Be somebody who can only read what is in a place."""
    privileged = os.geteuid() == 0
    Path(place).chmod(0o555)
    if privileged:
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        if privileged:
            os.setresuid(0, 0, 0)
        Path(place).chmod(0o755)


async def test_a_store_needs_a_place_that_can_be_written_to() -> None:
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "x"
        with unprivileged(name):
            assert await refusal(store) == "cannot be made: Permission denied"
        os.chmod(await filled(store), 0o644)  # noqa: PTH101
        with unprivileged(name):
            assert await refusal(store) == "cannot be written to"


def limited(store: Path, pages: int) -> Sandbox:
    """Return a sandbox whose disk is full when its store has so many pages."""
    sandbox = Sandbox(store=store, clock=Clock())
    sandbox._archive = Archive(Database(store, pages), sandbox._account)
    return sandbox


async def test_a_disk_too_small_for_a_store_is_said(store: Path) -> None:
    with pytest.raises(StoreError, match="has no space left"):
        await limited(store, 5).start()


async def test_what_a_full_disk_does_not_take_is_not_acknowledged(
    store: Path, caplog: pytest.LogCaptureFixture, api_of: Callable[[Sandbox], Kept]
) -> None:
    async with limited(store, 40) as sandbox:
        api = api_of(sandbox)
        here = f"/v1/Workspaces/{sandbox.create_workspace('Support')}"
        made = []
        while (reply := await api("POST", f"{here}/Tasks")).status == 201:
            made.append(reply.json)
        assert reply.refusal == (500, 20500)
        assert "has no space left" in caplog.text
        # What could not be saved is seen by nobody, and nothing more is done meanwhile.
        for method, path in (("GET", f"{here}/Tasks"), ("POST", f"{here}/Tasks")):
            assert (await api(method, path)).refusal == (500, 20500)
        with pytest.raises(StoreError, match="has no space left"):
            sandbox.create_workspace("Sales")
        assert len(sandbox.tasks(sandbox.workspaces[0])) == len(made) + 1
    async with Sandbox(store=store, clock=Clock()) as sandbox:
        found = await api_of(sandbox).listed(f"{here}/Tasks")
        assert [each["sid"] for each in found] == [each["sid"] for each in made]
        assert len(sandbox.workspaces) == 1


async def test_what_could_not_be_saved_is_when_there_is_space_again(
    store: Path, caplog: pytest.LogCaptureFixture, api_of: Callable[[Sandbox], Kept]
) -> None:
    async with limited(store, 40) as sandbox:
        api = api_of(sandbox)
        here = f"/v1/Workspaces/{sandbox.create_workspace('Support')}"
        while (await api("POST", f"{here}/Tasks")).status == 201:
            pass
        assert sandbox._archive is not None
        assert list(sandbox._archive._database.rows("PRAGMA max_page_count = 1000")) == [(1000,)]
        before = await api.everything()
    assert "has no space left" in caplog.text
    async with Sandbox(store=store, clock=Clock()) as sandbox:
        assert await api_of(sandbox).everything() == before


async def test_what_happens_by_itself_on_a_full_disk_is_logged_and_tried_again(
    store: Path, caplog: pytest.LogCaptureFixture, api_of: Callable[[Sandbox], Kept]
) -> None:
    async with limited(store, 40) as sandbox:
        api = api_of(sandbox)
        here = f"/v1/Workspaces/{sandbox.create_workspace('Support')}"
        while (await api("POST", f"{here}/Tasks")).status == 201:
            pass
        caplog.clear()
        with sandbox._in_background():
            sandbox.tasks(sandbox.workspaces[0])
        assert "has no space left" in caplog.text
