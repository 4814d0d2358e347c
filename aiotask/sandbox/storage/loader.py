"""Loads saved resources in dependency order.

Tombstones are loaded for the resources that refer to them; those without references are deleted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aiotask.sandbox._json import loads
from aiotask.sandbox.api.dispatch import Service
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.changes import Entry, RecordedEvents
from aiotask.sandbox.model.events import Facts
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.storage.database import Database
from aiotask.sandbox.storage.schema import FACTS, IN_WORKSPACES, PLANS


class _Row(NamedTuple):
    position: int
    sid: str
    holder: str
    tombstone: int
    content: bytes


class Loader:
    """Loads a database into a new service; invalid contents raise various exceptions."""

    def __init__(self, database: Database, service: Service, account: Account) -> None:
        self.positions: dict[str, dict[str, int]] = {}
        """Row positions by holder and sid."""
        self._database = database
        self._service = service
        self._account = account
        self._known: dict[str, Any] = {}
        self._used: set[str] = set()
        self._gone: dict[str, str] = {}

    def run(self) -> None:
        """Load all tables."""
        stores = {row.sid: Stores.empty(self._account, row.sid) for row in self._rows("workspaces")}
        for table in IN_WORKSPACES:
            for row in self._rows(table):
                item = self._known[row.sid] = self._read(table, row)
                if not row.tombstone:
                    getattr(stores[row.holder], table).restore(item)
        workspaces = self._service.workspaces
        for row in self._rows("workspaces"):
            values = PLANS["workspaces"].values(loads(row.content), self._find)
            workspaces.restore(workspaces.joined(stores[row.sid], values))
        for row in self._rows("autopilot_tasks"):
            task = self._read("autopilot_tasks", row)
            if not row.tombstone:
                self._service.assistant(row.holder).store.restore(task)
        self._restore_events(stores)

    def unused(self) -> dict[str, Entry]:
        """Return the deletions of tombstones without references."""
        return {
            sid: Entry(holder, None) for sid, holder in self._gone.items() if sid not in self._used
        }

    def _rows(self, table: str) -> Iterator[_Row]:
        query = f"SELECT * FROM {table} ORDER BY position"  # noqa: S608
        for row in map(_Row._make, self._database.rows(query)):
            self.positions.setdefault(row.holder, {})[row.sid] = row.position
            if row.tombstone:
                self._gone[row.sid] = row.holder
            yield row

    def _read(self, table: str, row: _Row) -> Any:
        return PLANS[table].read(loads(row.content), self._find)

    def _find(self, sid: str) -> Any:
        self._used.add(sid)
        return self._known[sid]

    def _restore_events(self, stores: Mapping[str, Stores]) -> None:
        # Many facts share their strings; interning them restores that, and its memory.
        same: dict[str, str] = {}
        told: dict[str, int] = {}
        rows = self._database.rows("SELECT holder, last, content FROM events ORDER BY position")
        for holder, last, content in rows:
            at, resource_sid, types, saved = loads(content)
            # Numbers are consecutive in a holder; only the oldest events may be missing.
            if last - len(types) != told.get(holder, last - len(types)):
                raise ValueError("events are missing")
            told[holder] = last
            facts = FACTS.values(saved, self._find)
            for name, value in facts.items():
                if isinstance(value, str):
                    facts[name] = same.setdefault(value, value)
            types = tuple(same.setdefault(name, name) for name in types)
            recorded = RecordedEvents(last, at, resource_sid, types, Facts(**facts))
            stores[holder].log.restore(recorded)
