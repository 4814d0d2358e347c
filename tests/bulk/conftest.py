"""Fixtures of bulk runs: a bench, the place of a journal, and a database with its tables."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiotask.bulk.journal.postgres import make_tables
from tests.bulk.bench import TIMEOUT, Bench, bench
from tests.postgres import Postgres


@pytest.fixture
def patience() -> float:
    """Give the seconds that a client waits for an answer: not long, where faults take it away.

    Tests without such faults have a longer one of their own.
    """
    return TIMEOUT


@pytest.fixture
async def there(tmp_path: Path, patience: float) -> AsyncIterator[Bench]:
    async with bench(tmp_path, patience=patience) as there:
        yield there


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def url(postgres: Postgres) -> str:
    url = postgres.new_database()
    make_tables(url)
    return url
