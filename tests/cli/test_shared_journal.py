"""Commands on a journal in PostgreSQL."""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from aiotask import Client
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, source_of
from tests.bulk.bench import rows
from tests.cli.commands import LONG, Service, run, service, spawn, wait_until
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


def test_the_lease_of_a_demonstration_is_as_long_as_told(url: str, postgres: Postgres) -> None:
    with service(latency=0.1) as there:
        asyncio.run(load(there, url, 3000))
        words = ("worker", "--journal", url, "--lease", "6", "--base-url", there.sandbox.url)
        process = spawn(*words, environment=there.environment)
        wait_until(lambda: bool(there.tasks()))
        process.kill()
        process.communicate(timeout=LONG)
        left = 'SELECT max(extract(epoch FROM lease - now())) FROM aiotask."window"'
        ((seconds,),) = postgres.execute(url, left)
        assert seconds <= 6


def test_a_worker_says_in_a_sentence_what_is_wrong(postgres: Postgres) -> None:
    with service() as there:
        url = postgres.new_database()
        done = run("worker", "--journal", url, "--base-url", there.sandbox.url, **there.environment)
        assert done.exit_code == 2
        assert f"the journal {url} has no tables of aiotask" in done.stderr
        done = run("worker", "--journal", "import.db", **there.environment)
        assert done.exit_code == 2
        assert "'import.db' is not a URL such as postgresql://host/database" in done.stderr


def rows_file(folder: Path, number: int) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(number)))
    return str(path)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_import_works_along_and_the_same_command_tells_every_outcome_again(
    url: str, tmp_path: Path
) -> None:
    results = tmp_path / "results.jsonl"
    words = ["tasks", "import", rows_file(tmp_path, 100), "--journal", url, "--job", "spring"]
    words += ["--results", str(results)]
    with service() as there:
        done = there.run(*words)
        assert done.exit_code == 0, done.output
        first = lines_of(results)
        assert {line["sid"] for line in first} == {task.sid for task in there.tasks()}
        done = there.run(*words)
        assert done.exit_code == 0, done.output
        assert sorted(map(str, lines_of(results))) == sorted(map(str, first))
        assert len(there.tasks()) == 100


def test_rows_are_loaded_for_others_and_shown_and_audited(url: str, tmp_path: Path) -> None:
    shared = ["--journal", url, "--job", "spring"]
    words = ["tasks", "import", rows_file(tmp_path, 100), *shared]
    with service() as there:
        done = there.run(*words, "--detach")
        assert done.exit_code == 0, done.output
        assert done.stderr == "100 rows are loaded: aiotask worker does them\n"
        assert there.tasks() == []
        shown = run("journal", "show", url, "--job", "spring").stdout
        assert "100 rows: 0 created, 0 rejected, 0 unresolved, 100 waiting" in shown
        assert shown.splitlines()[-1] == "not finished, and nobody works on it"
        done = there.run("tasks", "audit", *shared)
        assert done.exit_code == 1
        assert "100 rows are not finished" in done.stdout
        assert there.run(*words).exit_code == 0
        assert run("journal", "show", url).stdout.splitlines()[-1] == "complete"
        done = there.run("tasks", "audit", *shared)
        assert done.exit_code == 0, done.output
        assert "rows: 100: 100 created" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("in order")


def test_show_tells_who_works_on_a_job(url: str) -> None:
    with service(latency=0.1) as there:
        asyncio.run(load(there, url, 3000))
        words = ("worker", "--journal", url, "--base-url", there.sandbox.url)
        process = spawn(*words, environment=there.environment)
        until = time.monotonic() + LONG
        while not there.tasks() and time.monotonic() < until:
            time.sleep(0.05)
        shown = run("journal", "show", url, "--job", "spring").stdout
        process.kill()
        process.communicate(timeout=LONG)
        last = shown.splitlines()[-1]
        assert last.startswith("worker ")
        assert f":{process.pid}:" in last
        assert "in doubt" in shown


def test_an_audit_finds_what_the_journal_does_not_know(
    url: str, tmp_path: Path, postgres: Postgres
) -> None:
    shared = ["--journal", url, "--job", "spring"]
    with service() as there:
        assert there.run("tasks", "import", rows_file(tmp_path, 10), *shared).exit_code == 0
        wrong = "UPDATE aiotask.outcome SET state = 5, sid = NULL WHERE number = 3"
        postgres.execute(url, wrong)
        done = there.run("tasks", "audit", *shared)
        assert done.exit_code == 1
        assert "unexpected: 1" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--journal", "URL"], "--journal: many share it; name this import by --job"),
        (["--journal", "import.db", "--job", "a"], "--job: needs a --journal that many share"),
        (["--detach"], "--detach: needs a --journal that many share"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    url: str, tmp_path: Path, words: list[str], message: str
) -> None:
    with service() as there:
        given = [url if word == "URL" else word for word in words]
        done = there.run("tasks", "import", rows_file(tmp_path, 1), *given)
        assert done.exit_code == 2
        assert message in done.stderr


def test_a_job_that_is_not_there_is_told_with_those_that_are(url: str) -> None:
    done = run("journal", "show", url)
    assert "holds many jobs: name one; it has none" in done.stderr
    with service() as there:
        asyncio.run(load(there, url, 1))
    done = run("journal", "show", url, "--job", "autumn")
    assert done.exit_code == 2
    assert f"{url}#autumn has no job of this name; its jobs are spring" in done.stderr
    done = run("journal", "show", "import.db", "--job", "autumn")
    assert "--job: a journal in a file has one import" in done.stderr


def test_a_job_is_purged_and_made_suspect(url: str, tmp_path: Path) -> None:
    shared = ["--journal", url, "--job", "spring"]
    words = ["tasks", "import", rows_file(tmp_path, 100), *shared]
    with service() as there:
        there.run(*words, "--detach")
        done = run("journal", "suspect", url, "--job", "spring")
        assert done.exit_code == 0, done.output
        assert "are looked for before they are sent, by all workers" in done.stdout
        purge = ("journal", "purge", url, "--job", "spring")
        told = "the bodies of 0 rows are removed\n100 rows are not done, and keep theirs\n"
        assert run(*purge).stdout == told
        assert there.run(*words, "--settle", "0.2").exit_code == 0
        assert run(*purge).stdout == "the bodies of 100 rows are removed\n"
        assert there.run(*words).exit_code == 0
        assert len(there.tasks()) == 100


@pytest.mark.parametrize("verb", ["purge", "suspect"])
def test_upkeep_says_in_a_sentence_why_it_cannot(url: str, verb: str) -> None:
    done = run("journal", verb, "import.db", "--job", "spring")
    assert done.exit_code == 2
    assert "'import.db' is not a URL of PostgreSQL" in done.stderr
    done = run("journal", verb, url, "--job", "spring")
    assert done.exit_code == 2
    assert f"the journal {url} has no job of the name 'spring'" in done.stderr
