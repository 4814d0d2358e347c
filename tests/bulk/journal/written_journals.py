"""Journals written without a run: as many rows as a test wants, in no time."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from aiotask.bulk.fingerprint import fingerprint
from aiotask.bulk.journal.records import Claim, End, State
from aiotask.bulk.journal.sqlite import SqliteJournal
from aiotask.bulk.keys import KEY_ATTRIBUTE, Keys
from tests.bulk.bench import KEYS, VERB, Bench, rows

TARGET = "/v1/Workspaces/WS1/Tasks"
NAMED = Keys(KEY_ATTRIBUTE, str)


def fill(there: Bench, number: int) -> None:
    """Have a journal that says that so many rows were created, which takes no time."""
    with closing(there.opened()) as journal:
        claims = [
            Claim(n + 1, State.IN_FLIGHT, fingerprint(row), None, None, None)
            for n, row in enumerate(rows(number))
        ]
        journal.commit(
            claims, [End(State.CREATED, f"WT{n}", None, n) for n in range(1, number + 1)]
        )


@contextmanager
def journal_at(path: Path, keys: Keys = KEYS) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path)
    journal.open(TARGET, VERB, keys)
    with closing(journal):
        yield journal


def claim(number: int, state: State = State.IN_FLIGHT, key: str | None = None) -> Claim:
    return Claim(number, state, number, None, None, key)


def content(path: Path) -> dict[Path, bytes]:
    """Return all that lies in a folder but for the locks, which say nothing."""
    files = (file for file in path.rglob("*") if file.is_file() and file.suffix != ".lock")
    return {file: file.read_bytes() for file in files}
