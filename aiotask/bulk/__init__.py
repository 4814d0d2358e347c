"""Many creates at once: a bounded number under way, one outcome for every row."""

from aiotask.bulk.engine import create_many
from aiotask.bulk.outcomes import Created, Outcome, Rejected, Unresolved

__all__ = ["Created", "Outcome", "Rejected", "Unresolved", "create_many"]
