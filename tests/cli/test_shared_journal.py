"""Commands on a journal in PostgreSQL."""

import asyncio
import signal
import time

import pytest

from aiotask import Client
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, source_of
from tests.bulk.bench import rows
from tests.cli.commands import LONG, Service, run, service, spawn
from tests.postgres import Postgres


@pytest.fixture
def url(postgres: Postgres) -> str:
    url = postgres.new_database()
    run("journal", "init", url)
    return url


def test_init_makes_the_tables_once(postgres: Postgres) -> None:
    url = postgres.new_database()
    assert run("journal", "init", url).stdout == "the tables are made\n"
    assert run("journal", "init", url).stdout == "the tables are there, and up to date\n"


def test_init_says_in_a_sentence_why_it_cannot(postgres: Postgres) -> None:
    url = postgres.url("nowhere")
    done = run("journal", "init", url)
    assert done.exit_code == 2
    assert f"the journal {url} cannot be reached: " in done.stderr
    done = run("journal", "init", "import.db")
    assert "'import.db' is not a URL of PostgreSQL" in done.stderr


async def load(there: Service, url: str, number: int) -> None:
    sandbox = there.sandbox
    async with Client(sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url) as client:
        tasks = client.taskrouter.workspace(there.workspace).tasks
        settings = Settings(keys=Keys(KEY_ATTRIBUTE), job="spring")
        await tasks.sharing(source_of(rows(number)), settings, url).load()


def test_a_worker_does_what_was_loaded_and_ends_at_sigterm(url: str) -> None:
    with service() as there:
        asyncio.run(load(there, url, 100))
        words = ("worker", "--journal", url, "--base-url", there.sandbox.url)
        process = spawn(*words, environment=there.environment)
        until = time.monotonic() + LONG
        while len(there.tasks()) < 100 and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=LONG)
        assert process.returncode == 0, told
        assert len(there.tasks()) == 100


def test_a_worker_says_in_a_sentence_what_is_wrong(postgres: Postgres) -> None:
    with service() as there:
        url = postgres.new_database()
        done = run("worker", "--journal", url, "--base-url", there.sandbox.url, **there.environment)
        assert done.exit_code == 2
        assert f"the journal {url} has no tables of aiotask" in done.stderr
        done = run("worker", "--journal", "import.db", **there.environment)
        assert done.exit_code == 2
        assert "'import.db' is not a URL such as postgresql://host/database" in done.stderr
