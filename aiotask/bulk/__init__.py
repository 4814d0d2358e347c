"""Bulk runs: every row is carried out exactly once, and has one outcome."""

from aiotask.bulk.audit import Audit, Copy, Finding, audit
from aiotask.bulk.enqueueing import add_rows
from aiotask.bulk.item import Item
from aiotask.bulk.journal import entries_of, open_journal, read_summary
from aiotask.bulk.journal.postgres import is_shared
from aiotask.bulk.journal.postgres_reader import place_of
from aiotask.bulk.journal.records import Entry, JournalSummary, State
from aiotask.bulk.keys import (
    JOB_ATTRIBUTE,
    KEY_ATTRIBUTE,
    ROW_ATTRIBUTE,
    Keys,
    Scope,
    checked_key,
)
from aiotask.bulk.lease import LeaseTerms
from aiotask.bulk.lookup import Found, Lookup
from aiotask.bulk.operation import Done, Failed, Operation
from aiotask.bulk.outcome_stream import OutcomeStream
from aiotask.bulk.outcomes import (
    AnyOutcome,
    Created,
    Deleted,
    Existing,
    Outcome,
    Rejected,
    Unchanged,
    Unresolved,
    Updated,
)
from aiotask.bulk.report import Report
from aiotask.bulk.rows import Source, source_of
from aiotask.bulk.run import Run
from aiotask.bulk.settings import Settings
from aiotask.bulk.shared_journal import SharedJournal
from aiotask.bulk.shared_run import Destination, SharedRun

__all__ = [
    "JOB_ATTRIBUTE",
    "KEY_ATTRIBUTE",
    "ROW_ATTRIBUTE",
    "AnyOutcome",
    "Audit",
    "Copy",
    "Created",
    "Deleted",
    "Destination",
    "Done",
    "Entry",
    "Existing",
    "Failed",
    "Finding",
    "Found",
    "Item",
    "JournalSummary",
    "Keys",
    "LeaseTerms",
    "Lookup",
    "Operation",
    "Outcome",
    "OutcomeStream",
    "Rejected",
    "Report",
    "Run",
    "Scope",
    "Settings",
    "SharedJournal",
    "SharedRun",
    "Source",
    "State",
    "Unchanged",
    "Unresolved",
    "Updated",
    "add_rows",
    "audit",
    "checked_key",
    "entries_of",
    "is_shared",
    "open_journal",
    "place_of",
    "read_summary",
    "source_of",
]
