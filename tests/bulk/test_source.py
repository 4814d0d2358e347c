"""Rows as they come: in portions, from whatever gives them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from types import MappingProxyType
from typing import Any

import pytest

from aiotask.bulk.fingerprint import fingerprint
from aiotask.bulk.rows import source_of


async def test_an_iterable_is_taken_in_portions() -> None:
    source = source_of(range(10))
    assert [await source.take(4, int) for _ in range(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], []]
    source.close()


async def test_rows_that_take_long_to_make_come_in_smaller_portions() -> None:
    def slow() -> Iterator[int]:
        for number in range(100):
            time.sleep(0.001)
            yield number

    source = source_of(slow())
    assert len(await source.take(100, int)) < 100


@pytest.mark.parametrize("awaited", [False, True])
async def test_an_error_comes_after_the_rows_before_it(*, awaited: bool) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    async def slowly() -> AsyncIterator[int]:
        for number in broken():
            yield number

    source: Any = source_of(slowly() if awaited else broken())
    assert await source.take(5, int) == [1]
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            await source.take(5, int)


@pytest.mark.parametrize("awaited", [False, True])
async def test_a_row_is_prepared_before_the_next_one_is_made(*, awaited: bool) -> None:
    steps: list[str] = []

    def made() -> Iterator[int]:
        for number in range(3):
            steps.append(f"made {number}")
            yield number

    async def slowly() -> AsyncIterator[int]:
        for number in made():
            yield number

    def prepare(number: int) -> str:
        steps.append(f"prepared {number}")
        return str(number)

    source: Any = source_of(slowly() if awaited else made())
    assert await source.take(5, prepare) == ["0", "1", "2"]
    assert steps == [f"{what} {number}" for number in range(3) for what in ("made", "prepared")]


async def test_a_row_that_is_there_does_not_wait_for_the_next() -> None:
    more = asyncio.Event()

    async def rows() -> AsyncIterator[int]:
        yield 1
        await more.wait()
        yield 2

    source = source_of(rows())
    assert await source.take(100, int) == [1]
    more.set()
    assert await source.take(100, int) == [2]
    assert await source.take(100, int) == []


async def test_a_source_that_is_closed_pulls_no_more() -> None:
    pulled = 0

    async def rows() -> AsyncIterator[int]:
        nonlocal pulled
        while True:
            pulled += 1
            yield pulled

    source = source_of(rows())
    assert len(await source.take(3, int)) == 3
    source.close()
    for _ in range(10):
        await asyncio.sleep(0)
    so_far = pulled
    for _ in range(10):
        await asyncio.sleep(0)
    assert pulled == so_far <= 512 + 3


@pytest.mark.parametrize("wrong", [{"attributes": {}}, "text", b"text", 5, None])
def test_what_is_not_rows_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="rows is an iterable of mappings, not"):
        source_of(wrong)


def test_a_fingerprint_tells_rows_by_what_they_say() -> None:
    row = {"attributes": {"a": 1, "b": [1, 2]}, "priority": 5}
    same = MappingProxyType({"priority": 5, "attributes": MappingProxyType({"b": [1, 2], "a": 1})})
    assert fingerprint(row) == fingerprint(same)
    assert fingerprint(row) != fingerprint({**row, "priority": 6})
    assert fingerprint({"attributes": {1, 2}}) is None
    assert fingerprint(object()) is None
