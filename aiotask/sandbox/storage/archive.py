"""Write-through archive: saves every change, and loads a sandbox at its start."""

from collections.abc import Iterator

from aiotask.sandbox._json import dumps
from aiotask.sandbox.api.dispatch import Service
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.changes import Batch, RecordedEvents, StoreError
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.storage.database import Database, Statement
from aiotask.sandbox.storage.loader import Loader
from aiotask.sandbox.storage.schema import FACTS, KINDS, PLANS, TABLE_OF, TABLES

_SET_META = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_PUT = {table: f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?)" for table in KINDS}  # noqa: S608
_DROP = {table: f"DELETE FROM {table} WHERE position = ?" for table in KINDS}  # noqa: S608
_EMPTY = [f"DELETE FROM {table} WHERE holder = ?" for table in (*KINDS, "events")]  # noqa: S608
_ADD_EVENTS = "INSERT INTO events (holder, last, content) VALUES (?, ?, ?)"
_DELETE_EVENTS = "DELETE FROM events WHERE holder = ? AND last < ?"
_DELETED_AT_ONCE = 10_000
"""Old events are deleted in batches of this size, as each deletion scans the table."""


class Archive:
    """The database of one account."""

    def __init__(self, database: Database, account: Account) -> None:
        self._database = database
        self._account = account
        # Rows are found by position: an index on random sids would double the pages of each commit.
        self._positions: dict[str, dict[str, int]] = {}
        self._next = 0
        self._forgotten: dict[str, int] = {}

    def open(self, service: Service) -> int:
        """Load a new service, and save its changes from now on.

        Returns the number of times that the file was opened before.
        """
        self._database.open(TABLES)
        try:
            opened = self._read(service)
        except (KeyError, TypeError, ValueError, Refusal) as error:
            self._database.close()
            raise self._database.damaged(repr(error)) from error
        except StoreError:
            self._database.close()
            raise
        self._account.changes.open(self._save)
        return opened

    def close(self) -> None:
        """Stop saving, and release the file."""
        self._account.changes.close()
        self._database.close()

    def _read(self, service: Service) -> int:
        meta = dict(self._database.rows("SELECT name, value FROM meta"))
        owner = meta.setdefault("account_sid", self._account.sid)
        if owner != self._account.sid:
            raise self._database.refused(f"belongs to account {owner}")
        opened: int = meta.get("opened", 0)
        loader = Loader(self._database, service, self._account)
        loader.run()
        self._positions, self._forgotten = loader.positions, {}
        self._next = 1 + max(
            (max(held.values(), default=0) for held in self._positions.values()), default=0
        )
        # Tombstones without references are deleted at each start, where finding them is free.
        unused = Batch(loader.unused())
        notes = [("account_sid", owner), ("opened", opened + 1)]
        self._database.commit([(_SET_META, notes), *self._statements(unused)])
        self._forget_deleted(unused)
        return opened

    def _save(self, batch: Batch) -> None:
        self._database.commit(self._statements(batch))
        self._forget_deleted(batch)

    def _forget_deleted(self, batch: Batch) -> None:
        """Drop the positions of deleted rows."""
        for holder in batch.emptied:
            self._positions.pop(holder, None)
            self._forgotten.pop(holder, None)
        for sid, entry in batch.entries.items():
            if entry.item is None:
                self._positions[entry.holder].pop(sid)
        for holder, first in batch.forgotten.items():
            if first - self._forgotten.get(holder, 0) >= _DELETED_AT_ONCE:
                self._forgotten[holder] = first

    def _statements(self, batch: Batch) -> Iterator[Statement]:
        for holder in batch.emptied:
            yield from ((command, [(holder,)]) for command in _EMPTY)
        for sid, entry in batch.entries.items():
            table, position = TABLE_OF[sid[:2]], self._position(sid, entry.holder)
            if entry.item is None:
                yield _DROP[table], [(position,)]
            else:
                content = dumps(PLANS[table].write(entry.item))
                yield _PUT[table], [(position, sid, entry.holder, entry.tombstone, content)]
        if batch.recorded_events:
            yield (
                _ADD_EVENTS,
                [(holder, one.last, _event_row(one)) for holder, one in batch.recorded_events],
            )
        for holder, first in batch.forgotten.items():
            if first - self._forgotten.get(holder, 0) >= _DELETED_AT_ONCE:
                yield _DELETE_EVENTS, [(holder, first)]

    def _position(self, sid: str, holder: str) -> int:
        """Return the position of a row, a new one for a new item."""
        held = self._positions.setdefault(holder, {})
        position = held.get(sid)
        if position is None:
            position = held[sid] = self._next
            self._next += 1
        return position


def _event_row(recorded: RecordedEvents) -> bytes:
    facts = FACTS.write(recorded.facts)
    known = {name: value for name, value in facts.items() if value is not None}
    return dumps((recorded.at, recorded.resource_sid, recorded.types, known))
