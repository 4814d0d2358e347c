"""Journals in PostgreSQL: told by their URL, and opened with the driver of the extra."""

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from aiotask.bulk.journal.postgres_schema import init, masked
from aiotask.errors import JournalAccessError

SCHEMES = ("postgresql", "postgres")


def is_shared(where: object) -> bool:
    """Whether a journal is one of PostgreSQL, which many may use at a time."""
    if not isinstance(where, str | os.PathLike):
        return False
    scheme, found, _ = os.fspath(where).partition("://")
    return bool(found) and scheme in SCHEMES


def driver(url: str) -> Any:
    """Return the module of the driver; a JournalAccessError names the extra where it is missing."""
    if find_spec("psycopg") is None:
        why = "needs the extra of PostgreSQL: pip install 'aiotask[postgres]'"
        raise JournalAccessError(why, masked(url))
    return import_module("aiotask.bulk.journal.postgres_driver")


def make_tables(url: str) -> bool:
    """Make or update the tables of a database; return whether there was anything to do."""
    if not is_shared(url):
        raise ValueError(f"{url!r} is not a URL of PostgreSQL: postgresql://host/database")
    connected: Callable[[str], Any] = driver(url).connected
    with connected(url) as connection:
        return init(connection, url)
