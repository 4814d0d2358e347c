"""The README: its examples work as they stand there."""

import ast
import asyncio
import json
import re
import tomllib
from pathlib import Path
from textwrap import indent
from typing import Any

import aio_pika
import psycopg
import pytest

from aiotask import Client, SharedJournal, to_dict
from aiotask.bulk.journal.postgres import make_tables
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.other_pytest import told_by_pytest
from tests.postgres import Postgres
from tests.rabbitmq import Rabbitmq

_LONG = 60.0
ROOT = Path(__file__).parent.parent
PATTERNS = ("README.md", "aiotask/**/README.md", "benchmarks/README.md")
READMES = [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def examples(language: str) -> list[Any]:
    """Return the examples of all READMEs as parameters of tests."""
    return [
        pytest.param(block, id=f"{path.parent.relative_to(ROOT)}-{number}")
        for path in READMES
        for number, block in enumerate(blocks(path, language))
    ]


def is_test(block: str) -> bool:
    return "@pytest.mark" in block


def is_program(block: str) -> bool:
    signs = ("asyncio.run", "web.run_app", "Instrumentor", "FastAPI", "FastStream")
    return any(sign in block for sign in signs)


PYTHON = examples("python")
TESTS = [each for each in PYTHON if is_test(each.values[0])]
ON_POSTGRES = [each for each in PYTHON if "connection" in each.values[0]]
PIECES = [
    each
    for each in PYTHON
    if not is_test(each.values[0]) and not is_program(each.values[0]) and each not in ON_POSTGRES
]


def test_the_readmes_are_found() -> None:
    found = {str(path.relative_to(ROOT)) for path in READMES}
    assert {"README.md", "aiotask/sandbox/README.md"} <= found


def test_every_benchmark_is_told_of_with_its_command() -> None:
    folder = ROOT / "benchmarks"
    commands = "".join(blocks(folder / "README.md", "sh"))
    told = set(re.findall(r"^python benchmarks/(\w+\.py)", commands, re.MULTILINE))
    programs = {path.name for path in folder.glob("*_*.py")}
    assert told == programs


@pytest.mark.parametrize("block", PYTHON)
def test_every_example_is_python(block: str) -> None:
    ast.parse(f"async def example():\n{indent(block, '    ')}")


@pytest.mark.parametrize("block", PIECES)
async def test_the_pieces_of_a_tour_run(
    sandbox: Sandbox,
    client: Client,
    workspace: WorkspaceContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block: str,
) -> None:
    for name in re.findall("^import (pandas|polars)$", block, re.MULTILINE):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)  # where a journal is left
    task = await workspace.tasks.create(attributes={"seen": False})
    names: dict[str, Any] = {"aiotask": __import__("aiotask"), "client": client}
    names |= {"workspace": workspace, "sid": task.sid, "attributes": {}, "save": lambda *_: None}
    names |= {"rows": [{"attributes": {"n": n}} for n in range(3)]}
    (names["queue"],) = await workspace.task_queues.list().all()
    (workflow,) = await workspace.workflows.list().all()
    names |= {"Sandbox": Sandbox, "sandbox": sandbox, "workflow_sid": workflow.sid}
    names |= {"workspace_sid": task.workspace_sid, "timings": [], "url": sandbox.url}
    names |= {"account_sid": sandbox.account_sid, "auth_token": sandbox.auth_token}
    exec(f"async def example():\n{indent(block, '    ')}", names)  # noqa: S102 - our own README
    await names["example"]()
    assert sandbox.requests.total() > 1


@pytest.mark.parametrize("block", ON_POSTGRES)
async def test_rows_are_enqueued_with_an_order(
    workspace: WorkspaceContext, postgres: Postgres, block: str
) -> None:
    url = postgres.new_database()
    make_tables(url)
    postgres.execute(url, "CREATE TABLE orders (number integer)")
    block = block.replace("INSERT INTO orders …", "INSERT INTO orders VALUES (7)")
    names: dict[str, Any] = {"tasks": workspace.tasks, "row": {"attributes": {"order": 7}}}
    names["order_number"] = lambda row: str(row["attributes"]["order"])
    exec(f"async def example():\n{indent(block, '    ')}", names)  # noqa: S102 - our own README
    async with (
        SharedJournal(url) as names["journal"],
        await psycopg.AsyncConnection.connect(url) as names["connection"],
    ):
        await names["example"]()
        await names["example"]()
    assert postgres.execute(url, "SELECT key FROM aiotask.input") == [("7",)]
    assert postgres.execute(url, "SELECT count(*) FROM orders") == [(2,)]


async def test_messages_of_a_broker_become_rows_before_they_are_acknowledged(
    sandbox: Sandbox,
    workspace: WorkspaceContext,
    postgres: Postgres,
    rabbitmq: Rabbitmq,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("faststream")
    url = postgres.new_database()
    make_tables(url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", sandbox.account_sid)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", sandbox.auth_token)
    monkeypatch.setenv("AIOTASK_BASE_URL", sandbox.url)
    monkeypatch.setenv("AIOTASK_WORKSPACE", workspace.sid)
    (block,) = (each.values[0] for each in PYTHON if "FastStream" in each.values[0])
    block = block.replace("postgresql://db/aiotask", url)
    block = block.replace("amqp://guest:guest@localhost/", rabbitmq.url)
    names: dict[str, Any] = {"__name__": "orders"}
    exec(block, names)  # noqa: S102 - our own README
    broker = names["broker"]
    async with names["opened"]():
        await broker.start()
        # One without an order would come again for ever, and before all others.
        for message in ({"number": 1}, {"order": 7}, {"order": 7}, {"order": 8}):
            await broker.publish(message, "orders", persist=True)
        rows = "SELECT key FROM aiotask.input ORDER BY key"
        async with asyncio.timeout(_LONG):
            while len(postgres.execute(url, rows)) < 2:
                await asyncio.sleep(0.05)
        await broker.stop()
    assert postgres.execute(url, rows) == [("7",), ("8",)]
    async with await aio_pika.connect(rabbitmq.url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("orders")
        assert queue.declaration_result.message_count == 0


def requested(path: str) -> dict[str, Any]:
    """Return the scope of a GET, as a server gives it to an application of ASGI."""
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"}
    return scope | {"path": path, "query_string": b"", "headers": []}


async def test_what_a_framework_returns_is_json(workspace: WorkspaceContext) -> None:
    task = await workspace.tasks.create(attributes={"type": "support"}, priority=5)
    plain = json.loads(json.dumps(to_dict(task)))
    assert (plain["sid"], plain["priority"]) == (task.sid, 5)
    assert plain["attributes"] == '{"type":"support"}'
    pytest.importorskip("fastapi")
    (block,) = (
        each for each in blocks(ROOT / "aiotask" / "README.md", "python") if "FastAPI" in each
    )
    names: dict[str, Any] = {"aiotask": __import__("aiotask"), "workspace": workspace}
    exec(block, names)  # noqa: S102 - our own README
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await names["app"](requested(f"/tasks/{task.sid}"), receive, send)
    assert sent[0]["status"] == 200
    shown = json.loads(sent[1]["body"])
    # It is older by then.
    assert shown == to_dict(task, decoded=True) | {"age": shown["age"]}


def test_the_first_example_needs_nothing_but_credentials() -> None:
    first = blocks(ROOT / "README.md", "python")[0].replace("TWILIO", "")
    assert "asyncio.run(main())" in first
    compile(first, "README.md", "exec")


@pytest.mark.parametrize("example", TESTS)
def test_the_example_of_a_test_passes(tmp_path: Path, example: str) -> None:
    service = """
class my_service:
    async def open_ticket(workspace, text):
        await workspace.tasks.create(attributes={"text": text}, priority=10)
"""
    (tmp_path / "test_example.py").write_text(example + service)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    assert "1 passed" in (told := told_by_pytest(tmp_path)), told


def test_both_commands_are_one_line_each_and_use_what_pyproject_declares() -> None:
    first, second = blocks(ROOT / "README.md", "sh")[:2]
    assert (first.count("\n"), second.count("\n")) == (1, 1)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = set(re.findall(r"'\.\[(\w+)\]'", first + second))
    assert named
    assert named <= set(extras["optional-dependencies"])


def test_every_extra_is_told_of() -> None:
    text = (ROOT / "aiotask/README.md").read_text()
    table = text[text.index("## Extras") : text.index("## Errors")]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = set(extras["optional-dependencies"]) - {"dev", "docs"}
    assert {name for name in names if f"`{name}`" not in table} == set()


def test_the_first_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 156
