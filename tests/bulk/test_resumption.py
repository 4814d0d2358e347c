"""Rows that cannot be sent any more as they were, and inputs that are not the same."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from aiotask import Created, InputChangedError, Rejected
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, read_summary, source_of
from aiotask.taskrouter import NewTask
from tests.bulk.bench import number_of, rows
from tests.bulk.broken_service import BrokenService, broken_service, lost_before

pytestmark = pytest.mark.virtual_time

LOST = {0, 3, 6}


def name_of(row: Any) -> str:
    return f"C-{number_of(row)}"


def raising(row: Any) -> str:
    raise LookupError(f"the table of names has no {number_of(row)}")


def renamed(row: Any) -> str:
    return f"D-{number_of(row)}"


def unnamed(_: Any) -> str:
    return ""


def check_bodies(here: BrokenService) -> None:
    for body in here.bodies:
        assert re.search(r'"aiotask_key":"[^"]+"', parse_qs(body.decode())["Attributes"][0])


@pytest.mark.parametrize("then", [raising, renamed, unnamed])
@pytest.mark.parametrize("executed", [True, False])
async def test_a_row_in_doubt_whose_key_is_another_now_is_looked_for_and_never_sent(
    tmp_path: Path, then: Callable[[Any], str], *, executed: bool
) -> None:
    path = tmp_path / "import.db"
    async with broken_service() as here:
        if not executed:
            here.refuse = lost_before
        await here.leave_in_doubt(rows(9), path, keys=Keys(KEY_ATTRIBUTE, name_of))
        here.refuse = lambda _, __: None
        outcomes = await here.create(rows(9), journal=path, keys=Keys(KEY_ATTRIBUTE, then))
        assert {number_of(each.row) for each in outcomes} == LOST
        assert here.creates == 9
        if executed:
            assert {type(each) for each in outcomes} == {Created}
        else:
            assert {type(each) for each in outcomes} == {Rejected}
            assert {
                "row_key" in str(each.error) for each in outcomes if isinstance(each, Rejected)
            } == {True}
        check_bodies(here)
        assert read_summary(path).in_doubt == 0
        assert await here.create(rows(9), journal=path, keys=Keys(KEY_ATTRIBUTE, then)) == []


class Table:
    """Fields of rows that cannot be had any more."""

    def __init__(self) -> None:
        self.closed = False

    def __call__(self, row: Any) -> Any:
        if self.closed:
            return row | {"virtual_start_time": datetime(2999, 1, 1, tzinfo=UTC)}
        return row


@pytest.mark.parametrize("executed", [True, False])
async def test_a_row_in_doubt_that_cannot_be_encoded_any_more_is_looked_for_and_never_sent(
    tmp_path: Path, *, executed: bool
) -> None:
    path, table = tmp_path / "import.db", Table()
    async with broken_service() as here:
        if not executed:
            here.refuse = lost_before
        await here.leave_in_doubt(rows(9), path, fields_of=table)
        here.refuse = lambda _, __: None
        table.closed = True
        outcomes = await here.create(rows(9), journal=path, fields_of=table)
        assert {number_of(each.row) for each in outcomes} == LOST
        assert here.creates == 9
        wanted = Created if executed else Rejected
        assert {type(each) for each in outcomes} == {wanted}
        if not executed:
            reasons = {str(each.error)[:18] for each in outcomes if isinstance(each, Rejected)}
            assert reasons == {"virtual_start_time"}
        check_bodies(here)
        assert await here.create(rows(9), journal=path, fields_of=table) == []


async def test_a_row_that_was_not_sent_and_cannot_be_any_more_is_rejected(tmp_path: Path) -> None:
    path, table = tmp_path / "import.db", Table()
    async with broken_service() as here:
        keys = Keys(KEY_ATTRIBUTE)
        settings = Settings(keys=keys, journal=path, max_in_flight=1, fields_of=table)
        run = here.tasks.creating(source_of(rows(9)), settings)
        async for _ in run.outcomes():
            run.stop()
        sent = here.creates
        assert sent < 9
        table.closed = True
        outcomes = await here.create(rows(9), journal=path, fields_of=table)
        assert here.creates == sent
        rejected = [each for each in outcomes if isinstance(each, Rejected)]
        assert len(rejected) == 9 - sent
        check_bodies(here)


class Moment(datetime):
    """A moment as libraries of dates have it: a subclass."""


def dated(count: int) -> list[NewTask]:
    return [
        {
            "attributes": {"n": n},
            "virtual_start_time": Moment(2020, 1, 1 + n, tzinfo=UTC),
        }
        for n in range(count)
    ]


async def test_rows_with_dates_of_a_subclass_are_known_again(tmp_path: Path) -> None:
    path = tmp_path / "import.db"
    async with broken_service() as here:
        await here.leave_in_doubt(dated(9), path)
        changed = [*dated(9)]
        changed[2], changed[4] = changed[4], changed[2]
        with pytest.raises(InputChangedError, match="row 3 has changed"):
            await here.create(changed, journal=path)
        outcomes = await here.create(dated(9), journal=path)
        assert {number_of(each.row) for each in outcomes} == LOST
        assert here.creates == here.held.total() == 9


WRONG: Any = {"attributes": {"n": 4}, "virtual_start_time": object()}


async def test_a_valid_and_an_invalid_row_that_changed_places_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "import.db"
    async with broken_service() as here:
        given = rows(9)
        given[4] = WRONG
        outcomes = await here.create(given, journal=path)
        assert [number_of(each.row) for each in outcomes if isinstance(each, Rejected)] == [4]
        changed = [*given]
        changed[2], changed[4] = changed[4], changed[2]
        with pytest.raises(InputChangedError, match="row 3 has changed"):
            await here.create(changed, journal=path)
        assert await here.create(given, journal=path) == []
        assert here.creates == 8
