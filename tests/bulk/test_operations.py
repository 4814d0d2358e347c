"""Runs of other verbs than create: idempotent ones need no lookup, others get no second try."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from aiotask import AiotaskError, Client, Created, ForeignJournalError, Unresolved
from aiotask._hooks import Hooks
from aiotask._rate_limiter import RateLimiter
from aiotask._retry import RetryPolicy
from aiotask.bulk import Done, Item, Keys, Run, Settings, State, read_summary, source_of
from aiotask.taskrouter import Tasks
from tests.bulk.bench import SETTLE, Bench, bench, look, rows
from tests.conftest import AT_ONCE


class Cancellation:
    """Cancels tasks: rows are their sids."""

    verb = "tasks.cancel"

    def __init__(self, client: Client, tasks: Tasks, *, idempotent: bool = True) -> None:
        self.idempotent = idempotent
        self.path = tasks._url.raw_path
        self.limiter: RateLimiter = tasks._lane("update")
        self.retry: RetryPolicy = client._session.retry
        self.hooks: Hooks = client._session.hooks
        self.service_time = client._session.service_time
        self.sent: list[str] = []
        self._tasks = tasks

    def check(self) -> None:
        """Nothing can be wrong here."""

    def body(self, fields: Any, mark: Callable[[Any], Any]) -> bytes:
        del mark  # such rows carry no key
        if not isinstance(fields, str):
            raise TypeError("a row is a sid")
        return b""

    async def send(self, item: Item) -> Done:
        self.sent.append(item.row)
        await self._tasks.cancel(item.row, "no longer needed")
        return Done(item.row, None)

    def accepted(self, error: AiotaskError) -> bool:
        raise AssertionError(f"nothing is looked for, and not after {error}")


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, fault_kinds=["after_reset", "after_502", "before_reset"]) as there:
        yield there


async def filled(there: Bench, number: int) -> list[str]:
    created = await there.finish(rows(number), journal=None)
    return [outcome.sid for outcome in created if isinstance(outcome, Created)]


def cancelling(
    there: Bench,
    sids: list[str],
    journal: Path | None = None,
    *,
    idempotent: bool = True,
    retry: RetryPolicy | None = None,
) -> tuple[Cancellation, Run[str]]:
    operation = Cancellation(there.client, there.tasks, idempotent=idempotent)
    operation.retry = retry or operation.retry
    settings = Settings(keys=Keys(None), journal=journal, settle=SETTLE, max_in_flight=10)
    return operation, Run(source_of(sids), operation, settings)


def statuses(there: Bench) -> list[str]:
    return [task.assignment_status for task in there.sandbox.tasks(there.workspace)]


async def test_rows_of_an_idempotent_verb_are_sent_again_where_the_answer_is_lost(
    there: Bench,
) -> None:
    sids = await filled(there, 60)
    there.sandbox.faults.share = 0.3
    operation, run = cancelling(there, sids)
    outcomes = [outcome async for outcome in run.outcomes()]
    assert sorted(outcome.row for outcome in outcomes) == sorted(sids)
    assert all(isinstance(outcome, Created) for outcome in outcomes)
    assert statuses(there) == ["canceled"] * 60
    assert len(operation.sent) >= 60


async def test_rows_that_an_earlier_run_may_have_sent_are_sent_again(
    there: Bench, tmp_path: Path
) -> None:
    sids = await filled(there, 30)
    journal = tmp_path / "cancel.db"
    _, first = cancelling(there, sids, journal)
    outcomes = first.outcomes()
    await anext(outcomes)
    await outcomes.aclose()
    look(journal, "UPDATE rows SET state = ? WHERE number > 10", State.IN_FLIGHT)
    operation, second = cancelling(there, sids, journal)
    told = {outcome.row async for outcome in second.outcomes()}
    assert told >= set(sids[10:])
    assert set(operation.sent) >= set(sids[10:])
    assert read_summary(journal).created == 30
    assert statuses(there) == ["canceled"] * 30


async def test_a_journal_of_another_verb_is_refused(there: Bench, tmp_path: Path) -> None:
    sids = await filled(there, 3)
    await there.finish(rows(3))
    operation, run = cancelling(there, sids, there.journal)
    with pytest.raises(ForeignJournalError, match=r"it is one of tasks\.create, not of tasks\."):
        _ = [outcome async for outcome in run.outcomes()]
    assert not operation.sent
    _, other = cancelling(there, sids, tmp_path / "cancel.db")
    _ = [outcome async for outcome in other.outcomes()]
    with pytest.raises(ForeignJournalError, match=r"it is one of tasks\.cancel, not of tasks\."):
        await there.finish(rows(3), journal=tmp_path / "cancel.db", key_attribute=None)


async def test_without_a_lookup_a_lost_row_of_another_verb_is_unresolved_and_sent_once(
    there: Bench,
) -> None:
    sids = await filled(there, 1)
    operation, run = cancelling(there, sids, idempotent=False)
    lost = AiotaskError("lost")
    lost.maybe_applied = True

    async def send(item: Item) -> Done:
        operation.sent.append(item.row)
        raise lost

    operation.send = send  # type: ignore[method-assign]
    (outcome,) = [outcome async for outcome in run.outcomes()]
    assert outcome == Unresolved(sids[0], lost)
    assert operation.sent == sids


async def test_a_row_whose_answer_is_lost_every_time_is_unresolved_in_the_end(
    there: Bench,
) -> None:
    sids = await filled(there, 2)
    operation, run = cancelling(there, sids, retry=AT_ONCE)
    send = operation.send
    lost = AiotaskError("lost")
    lost.maybe_applied = True

    async def unlucky(item: Item) -> Done:
        if item.row == sids[0]:
            operation.sent.append(item.row)
            raise lost
        return await send(item)

    operation.send = unlucky  # type: ignore[method-assign]
    outcomes = {outcome.row: outcome async for outcome in run.outcomes()}
    assert outcomes[sids[0]] == Unresolved(sids[0], lost)
    assert isinstance(outcomes[sids[1]], Created)
    assert operation.sent.count(sids[0]) == 16
