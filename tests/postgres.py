"""A PostgreSQL server of the tests' own, in a temporary folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers.postgres import PROGRAMS, Postgres

from tests.afterwards import afterwards

__all__ = ["Postgres", "running_postgres"]

# The first line of the file is the number of the server's process.
_END = """
[ -f "$1/data/postmaster.pid" ] && kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
while [ -f "$1/data/postmaster.pid" ] && kill -0 "$(head -n 1 "$1/data/postmaster.pid")"
do sleep 0.1; done
rm -rf "$1"
"""


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Have a server; tests that need one are skipped where its programs are not installed."""
    if not PROGRAMS:
        pytest.skip("there is no PostgreSQL: /usr/lib/postgresql/*/bin/initdb is missing")
    # The name of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = Postgres(folder, PROGRAMS[-1].parent)
    with afterwards(_END, folder):
        server.make()
        server.start()
        yield server
