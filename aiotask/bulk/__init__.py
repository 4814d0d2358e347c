"""Many creates at once: every row becomes exactly one task, and has one outcome."""

from aiotask.bulk.audit import Audit, Copy, Finding, audit
from aiotask.bulk.journal.reader import entries_of, read_summary
from aiotask.bulk.journal.records import JournalSummary, State
from aiotask.bulk.keys import KEY_ATTRIBUTE, Keys, checked_key
from aiotask.bulk.outcomes import Created, Outcome, Rejected, Unresolved
from aiotask.bulk.rows import Source, source_of
from aiotask.bulk.run import Run
from aiotask.bulk.settings import Settings
from aiotask.bulk.target import Found, Target

__all__ = [
    "KEY_ATTRIBUTE",
    "Audit",
    "Copy",
    "Created",
    "Finding",
    "Found",
    "JournalSummary",
    "Keys",
    "Outcome",
    "Rejected",
    "Run",
    "Settings",
    "Source",
    "State",
    "Target",
    "Unresolved",
    "audit",
    "checked_key",
    "entries_of",
    "read_summary",
    "source_of",
]
