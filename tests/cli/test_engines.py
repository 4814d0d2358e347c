"""Workers that an engine tells what to do, as programs, and what they lack in a sentence."""

import asyncio
import signal
import time

import pytest

from aiotask.cli import engines
from tests.cli.commands import LONG, Service, run, service, spawn
from tests.cli.test_shared_journal import load
from tests.postgres import Postgres
from tests.rabbitmq import Rabbitmq


@pytest.fixture
def url(postgres: Postgres) -> str:
    url = postgres.new_database()
    run("journal", "init", url)
    return url


def until_made(there: Service, number: int) -> None:
    until = time.monotonic() + LONG
    while len(there.tasks()) < number:
        assert time.monotonic() < until
        time.sleep(0.05)


def works_until_sigterm(url: str, *engine: str) -> None:
    with service() as there:
        asyncio.run(load(there, url, 200))
        words = ("worker", "--journal", url, "--base-url", there.sandbox.url)
        workers = [spawn(*words, *engine, environment=there.environment) for _ in range(2)]
        for worker in workers:
            assert worker.stderr is not None
            assert worker.stderr.readline().decode() == f"working on the jobs of {url}\n"
        until_made(there, 200)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for worker in workers:
            _, told = worker.communicate(timeout=LONG)
            assert worker.returncode == 0, told.decode()
            assert told == b""
        assert len(there.tasks()) == 200


def test_workers_with_procrastinate(url: str) -> None:
    words = ("journal", "init", url, "--engine", "procrastinate")
    assert run(*words).stdout == "the tables are made\n"
    assert run(*words).stdout == "the tables are there, and up to date\n"
    works_until_sigterm(url, "--engine", "procrastinate")


def test_workers_with_taskiq(url: str, rabbitmq: Rabbitmq) -> None:
    works_until_sigterm(url, "--engine", "taskiq", "--broker", rabbitmq.url)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("--engine", "procrastinate"),
            "has no tables of Procrastinate: make them with aiotask journal init",
        ),
        (("--engine", "taskiq"), "--engine taskiq needs --broker amqp://…, or AIOTASK_BROKER"),
        (
            ("--engine", "taskiq", "--broker", "amqp://me:secret@127.0.0.1:1/"),
            "taskiq cannot use amqp://me@127.0.0.1:1/: ",
        ),
    ],
)
def test_what_an_engine_lacks_is_said(url: str, words: tuple[str, ...], why: str) -> None:
    with service() as there:
        there_at = ("--base-url", there.sandbox.url)
        done = run("worker", "--journal", url, *there_at, *words, **there.environment)
        assert done.exit_code == 2, done.output
        assert why in " ".join(done.stderr.split())
        assert "secret" not in done.output
        assert not there.sandbox.requests


@pytest.mark.parametrize("name", ["procrastinate", "taskiq"])
def test_an_engine_that_is_not_installed_is_named(
    url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    words = ("worker", "--journal", url, "--engine", name, "--broker", "amqp://localhost")
    done = run(*words)
    assert done.exit_code == 2
    wanted = f"--engine {name} needs an extra of its own: pip install 'aiotask[{name}]'"
    assert wanted in done.stderr


def test_the_tables_of_an_engine_that_cannot_be_made(postgres: Postgres) -> None:
    url = postgres.new_database()
    run("journal", "init", url)
    postgres.execute(url, "DROP ROLE IF EXISTS visitor; CREATE ROLE visitor LOGIN")
    postgres.execute(url, "GRANT USAGE ON SCHEMA aiotask TO visitor")
    postgres.execute(url, "GRANT ALL ON ALL TABLES IN SCHEMA aiotask TO visitor")
    done = run("journal", "init", url.replace("postgres@", "visitor@"), "--engine", "procrastinate")
    assert done.exit_code == 2
    assert "gives this user no right" in done.stderr or "cannot be made in" in done.stderr
