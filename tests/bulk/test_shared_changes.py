"""Other verbs than create on a shared journal: by the call, by workers, and after dead ones."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import psycopg
import pytest

from aiotask import AnyOutcome, Created, Deleted, SharedJournal, Updated, Worker, errors
from aiotask._retry import WithheldError
from aiotask.bulk.item import Item
from aiotask.bulk.journal.postgres_windows import take
from aiotask.bulk.lease import Lease
from aiotask.taskrouter._changes import Deletion, Update
from aiotask.taskrouter._task_ends import Ending
from tests.bulk.bench import PATIENCE, SETTLE, Bench
from tests.bulk.worker_program import TERMS
from tests.postgres import Postgres

NUMBER = 80
VERBS = [f"tasks.{verb}" for verb in ("update", "cancel", "complete", "delete")]
VERBS += [f"workers.{verb}" for verb in ("update", "delete", "upsert")]


@pytest.fixture
def patience() -> float:
    return PATIENCE


class Changed:
    """Resources, and a verb for all of them."""

    def __init__(self, there: Bench, verb: str) -> None:
        self.there = there
        self.kind, _, self.verb = verb.partition(".")
        context = there.client.taskrouter.workspace(there.workspace)
        self.collection: Any = context.workers if self.kind == "workers" else context.tasks
        self.sids: list[str] = []

    async def make(self) -> None:
        def fields(number: int) -> dict[str, Any]:
            return {} if self.kind == "tasks" else {"friendly_name": f"w{number}"}

        # Of those that are upserted, half are there.
        for number in range(0, NUMBER, 2 if self.verb == "upsert" else 1):
            self.sids.append((await self.collection.create(**fields(number))).sid)
            if self.verb == "complete":
                self.there.sandbox.set_status(self.sids[-1], "assigned")

    def run(self, journal: Any, job: str = "spring") -> AsyncGenerator[AnyOutcome[Any], None]:
        chosen: dict[str, Any] = {"journal": journal, "job": job}
        many = getattr(self.collection, f"{self.verb}_many")
        if self.verb == "update":
            attributes = {"attributes": {"seen": True}}
            result = many([{"sid": sid} | attributes for sid in self.sids], **chosen)
        elif self.verb == "upsert":
            named = [{"friendly_name": f"w{number}"} for number in range(NUMBER)]
            result = many([row | {"attributes": {"seen": True}} for row in named], **chosen)
        elif self.verb == "delete":
            result = many(self.sids, **chosen)
        else:
            result = many(self.sids, "closed", **chosen)
        outcomes: AsyncGenerator[AnyOutcome[Any], None] = result
        return outcomes

    async def is_done(self) -> bool:
        shown = await self.collection.list().all()
        if self.verb == "delete":
            return not shown
        if self.verb in {"cancel", "complete"}:
            status = "canceled" if self.verb == "cancel" else "completed"
            return all(each.assignment_status == status for each in shown)
        if self.verb == "upsert" and len({each.friendly_name for each in shown}) != NUMBER:
            return False
        return all(each.attributes == {"seen": True} for each in shown)


@pytest.fixture(params=VERBS)
async def changed(there: Bench, request: pytest.FixtureRequest) -> Changed:
    changed = Changed(there, request.param)
    await changed.make()
    return changed


async def finished(changed: Changed, journal: Any) -> None:
    outcomes = [each async for each in changed.run(journal)]
    assert len(outcomes) == NUMBER
    effects = {"delete": Deleted, "upsert": Created | Updated}
    assert all(isinstance(each, effects.get(changed.verb, Updated)) for each in outcomes)
    assert await changed.is_done()


async def test_every_row_is_done_and_has_its_outcome(changed: Changed, url: str) -> None:
    await finished(changed, url)
    sent = changed.there.sandbox.requests.total()
    assert len([each async for each in changed.run(url)]) == NUMBER
    assert changed.there.sandbox.requests.total() == sent


async def test_what_a_dead_worker_had_is_sent_again(
    changed: Changed, url: str, postgres: Postgres
) -> None:
    load = changed.run(url)
    await anext(load)
    await load.aclose()
    ((job,),) = postgres.execute(url, "SELECT id FROM aiotask.job")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as database:
        await take(database, job, "dead", 600.0, 64)
    postgres.execute(
        url,
        """UPDATE aiotask."window" SET lease = now() - interval '1 s'
        WHERE owner IS NOT NULL""",
    )
    await finished(changed, url)


async def test_a_worker_knows_the_verb_of_a_job(
    changed: Changed, url: str, postgres: Postgres
) -> None:
    async with SharedJournal(url, terms=TERMS) as journal:
        outcomes = changed.run(journal)
        await anext(outcomes)
        await outcomes.aclose()
        # Those that were not loaded are missing in the job, and nobody's.
        worker = Worker(journal, changed.there.client, settle=SETTLE, max_in_flight=8)
        running = asyncio.create_task(worker.run())
        left = 'SELECT 1 FROM aiotask."window" WHERE NOT done LIMIT 1'
        while await asyncio.to_thread(postgres.execute, url, left):
            await asyncio.sleep(0.02)
        worker.stop()
        await running
    wrong = "SELECT count(*) FROM aiotask.outcome WHERE state NOT IN (4, 8, 10)"
    assert postgres.execute(url, wrong) == [(0,)]
    await finished(changed, url)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (lambda tasks: tasks.parts("key")[0], b"Attributes=%7B%7D"),
        (lambda tasks: Update(tasks._place, tasks.changes), b"%b\nPriority=1"),
        (lambda tasks: Ending(tasks._place, "cancel", "canceled", "r"), b"%b\nReason=r"),
        (lambda tasks: Deletion(tasks._place), b"%b"),
    ],
    ids=["create", "update", "cancel", "delete"],
)
async def test_no_byte_of_a_row_is_sent_whose_lease_is_over(
    there: Bench, operation: Any, body: bytes
) -> None:
    task = await there.tasks.create()
    lease = Lease("job", 1, 1, 1, 0.0, lambda _: None)
    sent = body % task.sid.encode() if b"%b" in body else body
    item = Item(1, None, None, sent, None, None, lease=lease)
    before = there.sandbox.requests.total()
    with pytest.raises(WithheldError):
        await operation(there.tasks).send(item)
    assert there.sandbox.requests.total() == before


async def test_jobs_have_names_only_there(there: Bench, url: str) -> None:
    with pytest.raises(ValueError, match="job: only a journal in PostgreSQL"):
        there.tasks.delete_many([], job="spring")
    with pytest.raises(ValueError, match="job: a journal in PostgreSQL has many"):
        there.tasks.delete_many([], journal=url)
    async for _ in there.tasks.delete_many([], journal=url, job="spring"):
        pass
    with pytest.raises(errors.ForeignJournalError, match=r"its verb is 'tasks.delete'"):
        async for _ in there.tasks.cancel_many([], "r", journal=url, job="spring"):
            pass
