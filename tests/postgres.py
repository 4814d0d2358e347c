"""A PostgreSQL server of the tests' own, in a temporary folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers.postgres import PROGRAMS, Postgres

__all__ = ["Postgres", "running_postgres"]


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Have a server; tests that need one are skipped where its programs are not installed."""
    if not PROGRAMS:
        pytest.skip("there is no PostgreSQL: /usr/lib/postgresql/*/bin/initdb is missing")
    # The name of a socket is short.
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder), PROGRAMS[-1].parent)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.crash()
