"""Rows that are one object, changed in between: each is what it was when it was yielded."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from aiotask import Created, Rejected
from aiotask.bulk import KEY_ATTRIBUTE
from tests.bulk.bench import Bench
from tests.sweeps import sweep

MANY = 700  # more than are claimed at a time, and pulled ahead


def reused(count: int) -> Iterator[Any]:
    """Yield the same mapping, with the same attributes in it, again and again."""
    row: dict[str, Any] = {"attributes": {"n": None, "tags": []}, "priority": 0}
    for number in range(count):
        row["attributes"]["n"] = number
        row["attributes"]["tags"][:] = [str(number)]
        row["priority"] = number
        yield row


async def slowly(count: int) -> AsyncIterator[Any]:
    for row in reused(count):
        yield row


def given(count: int, *, awaited: bool) -> Any:
    return slowly(count) if awaited else reused(count)


def check(there: Bench, count: int) -> None:
    assert there.made() == Counter(range(count))
    for task in there.sandbox.tasks(there.workspace):
        attributes = msgspec.json.decode(task.attributes)
        assert attributes["tags"] == [str(attributes["n"])]
        assert task.priority == attributes["n"]


@pytest.mark.parametrize(
    ("journal", "awaited"),
    sweep([(True, False), (False, True), (True, True), (False, False)], usual=2),
)
async def test_a_row_is_what_it_was_when_it_was_yielded(
    there: Bench, *, awaited: bool, journal: bool
) -> None:
    settings: dict[str, Any] = {} if journal else {"journal": None}
    outcomes = await there.finish(given(MANY, awaited=awaited), **settings)
    check(there, MANY)
    assert {type(outcome) for outcome in outcomes} == {Created}
    assert len({outcome.sid for outcome in outcomes if isinstance(outcome, Created)}) == MANY
    # What an outcome refers to is the caller's own object, which has changed since.
    assert len({id(outcome.row) for outcome in outcomes}) == 1


@pytest.mark.parametrize(
    ("taken", "awaited"), sweep([(1, True), (300, False), (1, False), (300, True)], usual=2)
)
async def test_a_job_of_such_rows_can_be_resumed(
    there: Bench, taken: int, *, awaited: bool
) -> None:
    told = 0
    async with aclosing(there.job(given(MANY, awaited=awaited))) as outcomes:
        async for _ in outcomes:
            told += 1
            if told == taken:
                break
    again = await there.finish(given(MANY, awaited=awaited))
    assert len(again) == MANY - taken + 1  # the last one was not taken
    check(there, MANY)
    await there.check_all(MANY)


async def test_the_key_is_that_of_the_row_as_it_was(there: Bench) -> None:
    await there.finish(reused(MANY), row_key=lambda row: f"C-{row['priority']}")
    for task in there.sandbox.tasks(there.workspace):
        attributes = msgspec.json.decode(task.attributes)
        assert attributes[KEY_ATTRIBUTE] == f"C-{attributes['n']}"


async def test_a_wrong_row_is_rejected_though_the_next_is_right(there: Bench) -> None:
    def sometimes_wrong() -> Iterator[Any]:
        for row in reused(300):
            row["priority"] = -1 if row["priority"] % 3 else 7
            yield row

    outcomes = await there.finish(sometimes_wrong())
    assert Counter(map(type, outcomes)) == {Created: 100, Rejected: 200}
    assert there.made() == Counter(range(0, 300, 3))
