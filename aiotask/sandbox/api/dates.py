"""Dates of answers, in the only form that Twilio's Python library reads."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from aiotask.sandbox.model.store import Resource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# The tasks of a page share most of their dates, and formatting one costs microseconds.
@lru_cache(4096)
def written(moment: int | None) -> str | None:
    """Return seconds since 1970 as a date, None as null."""
    if moment is None:
        return None
    return (_EPOCH + timedelta(seconds=moment)).strftime("%Y-%m-%dT%H:%M:%SZ")


def dates(item: Resource) -> dict[str, str | None]:
    """Return the dates that every resource has."""
    return {"date_created": written(item.created), "date_updated": written(item.updated)}
