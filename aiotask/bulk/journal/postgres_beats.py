"""Beats in PostgreSQL: what each process is delivered, by which they share a limit."""

from collections.abc import Sequence
from typing import Any, NamedTuple

_FORGET = "DELETE FROM aiotask.beat WHERE at < now() - interval '1 min' OR worker = %s"
_BEAT = """
    WITH mine AS (
        INSERT INTO aiotask.beat (worker, lane, at, rate, refused_at)
        SELECT %(worker)s, lane, now(), rate, CASE WHEN refused THEN now() END
        FROM unnest(%(lanes)s::text[], %(rates)s::float8[], %(refused)s::boolean[])
            AS told (lane, rate, refused)
        ON CONFLICT (worker, lane) DO UPDATE SET at = excluded.at, rate = excluded.rate,
            refused_at = coalesce(excluded.refused_at, beat.refused_at)
    )
    SELECT lane, count(*), sum(rate), extract(epoch FROM now() - max(refused_at))::float8
    FROM aiotask.beat
    WHERE lane = ANY(%(lanes)s) AND worker <> %(worker)s AND at > now() - interval '3 s'
    GROUP BY lane"""


class Beat(NamedTuple):
    """What a process tells of one lane: answers a second, and whether it was refused any."""

    lane: str
    rate: float
    refused: bool


class Others(NamedTuple):
    """What the others tell of a lane: how many have work, and their answers a second.

    *refused_for* is how long ago the last refusal was, in seconds; None for none.
    """

    workers: int
    rate: float
    refused_for: float | None


async def beat(database: Any, worker: str, beats: Sequence[Beat]) -> dict[str, Others]:
    """Tell what a worker was delivered, and return what the others tell."""
    lanes, rates, refused = (list(each) for each in zip(*beats, strict=True))
    named = {"worker": worker, "lanes": lanes, "rates": rates, "refused": refused}
    cursor = await database.execute(_BEAT, named)
    return {lane: Others(*rest) for lane, *rest in await cursor.fetchall()}


async def forget(database: Any, worker: str) -> None:
    """Take back what a worker told, and what is long out of date."""
    await database.execute(_FORGET, (worker,))
