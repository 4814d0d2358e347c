"""Commands on a journal in PostgreSQL."""

from tests.cli.commands import run
from tests.postgres import Postgres


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
