"""Journals of bulk runs: which rows may have been sent, and the end of each, kept durably.

The two protocols are all that a run and its readers know of a journal. A store of another kind is
one more module that implements them, and a line in ``_STORES``.
"""

import os
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple, Protocol

from aiotask.bulk.journal.postgres import SCHEMES
from aiotask.bulk.journal.postgres_reader import open_job
from aiotask.bulk.journal.postgres_schema import masked
from aiotask.bulk.journal.records import Claim, End, Entry, JournalSummary
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.journal.sqlite_reader import open_to_read
from aiotask.bulk.keys import Keys, derived_key

Where = str | os.PathLike[str]

_SCHEME = re.compile("([a-z][a-z0-9+.-]+)://")


class Journal(Protocol):
    """The journal of one job, which no other run can have meanwhile; called from a thread.

    A JournalError says what is wrong with it.
    """

    job: str
    started_at: float
    """The begin of the job by the local clock, in seconds since 1970."""
    service_time: float | None
    """The same by the service's clock, set by the run once it knows it; kept by commits."""
    claimed: int
    last_sent: float | None
    """The service's time when the last rows were claimed, None where it is not known."""
    resumes: bool
    """Whether the journal existed before it was opened."""
    suspicion: str | None
    """The reason to believe that the journal says less than the truth: rows that look untouched
    may have been sent. Set by the run, too, and kept by commits until it is None."""

    @abstractmethod
    def open(self, target: str, verb: str, keys: Keys) -> None:
        """Open the journal of a job, or make it: *verb* applied to the collection *target*.

        A journal is never begun afresh. Another job's is refused.
        """

    @abstractmethod
    def commit(self, claims: Sequence[Claim], ends: Sequence[End]) -> None:
        """Record claims and ends durably, all of them or none."""

    @abstractmethod
    def open_rows(self) -> list[Entry]:
        """Return the rows that have no final state, in their order."""

    @abstractmethod
    def existing_keys(self, keys: Sequence[str]) -> dict[str, int]:
        """Return those of *keys* that rows have already, with the rows' numbers."""

    @abstractmethod
    def fingerprints(self, after: int, most: int) -> list[int | None]:
        """Return the fingerprints of at most *most* rows, from the one after a number on."""

    @abstractmethod
    def close(self) -> None:
        """Give the journal to others, if it was opened."""


class JournalReader(Protocol):
    """A journal that is only read, also while a run has it."""

    @property
    @abstractmethod
    def where(self) -> str:
        """The path or URL of the journal."""

    @abstractmethod
    def summary(self) -> JournalSummary:
        """Return the progress of the job."""

    @abstractmethod
    def rows(self) -> Iterator[Entry]:
        """Yield all rows in their order."""

    @abstractmethod
    def close(self) -> None:
        """Close the reader."""


class _Store(NamedTuple):
    """The two ways to open the journals of one store, given a path or a URL."""

    journal: Callable[[str], Journal]
    reader: Callable[[str], JournalReader]


def _not_alone(where: str) -> Journal:
    raise ValueError(f"journal: {masked(where)} is shared, and no run has it for itself")


_STORES = {"": _Store(SqliteJournal, open_to_read)}
_STORES |= dict.fromkeys(SCHEMES, _Store(_not_alone, open_job))


def open_journal(where: Where) -> Journal:
    """Return the journal at a path, or of the store that a URL's scheme names.

    It still has to be opened. A ValueError says that there is no such store.
    """
    text, store = _found(where)
    return store.journal(text)


def read_journal(where: Where) -> JournalReader:
    """Open the journal at a path or URL to read it; nothing in it is changed."""
    text, store = _found(where)
    return store.reader(text)


def _found(where: Where) -> tuple[str, _Store]:
    text = os.fspath(where)
    scheme = match[1] if (match := _SCHEME.match(text)) else ""
    if (store := _STORES.get(scheme)) is None:
        raise ValueError(f"journal: no journals are kept in {scheme}://")
    return text, store


def read_summary(where: Where) -> JournalSummary:
    """Return the progress of a journal's job, also while a run has it."""
    with closing(read_journal(where)) as reader:
        return reader.summary()


def entries_of(where: Where) -> Iterator[Entry]:
    """Yield the rows of a journal in their order, each with its key."""
    with closing(read_journal(where)) as reader:
        summary = reader.summary()
        derived = summary.key_attribute is not None and not summary.has_row_key
        for entry in reader.rows():
            if derived and entry.key is None:
                yield entry._replace(key=derived_key(summary.job, entry.number))
            else:
                yield entry
