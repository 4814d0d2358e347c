"""Fixtures of bulk runs: a bench, and the place of a journal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bulk.bench import Bench, bench


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as there:
        yield there


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"
