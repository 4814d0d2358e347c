"""Records of an input, as they come, and of an input that is taken up in its middle."""

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import pytest

from aiotask.cli.commands.import_ import import_
from aiotask.cli.commands.tasks import tasks
from aiotask.cli.importing.input import open_input
from aiotask.cli.importing.records import CsvRecords, JsonRecords, Record
from aiotask.cli.importing.resume import rest_command
from aiotask.cli.importing.thread_rows import Feed
from tests.cli.commands import LONG, meanwhile, wait_until

Put = Callable[[list[int]], None]


async def all_of(feed: Feed[int], most: int = 100) -> list[int]:
    taken: list[int] = []
    while portion := await feed.take(most):
        assert len(portion) <= most
        taken += portion
    return taken


async def test_a_feed_gives_all_that_is_read_and_reads_no_further_ahead_than_it_may() -> None:
    read = 0

    def count(put: Put) -> None:
        nonlocal read
        for portion in range(1000):
            read += 1
            put([10 * portion + place for place in range(10)])

    feed = Feed(count)
    assert await feed.take(7) == [0, 1, 2, 3, 4, 5, 6]
    await asyncio.to_thread(lambda: None)
    assert read < 100
    assert await all_of(feed) == list(range(7, 10_000))
    assert feed.exhausted
    assert await feed.take(1) == []


async def test_what_was_read_before_an_error_is_given_and_then_the_error() -> None:
    def broken(put: Put) -> None:
        put([1, 2])
        raise OSError("the wire is cut")

    feed = Feed(broken)
    assert await feed.take(1) == [1]
    assert await feed.take(5) == [2]
    for _ in range(2):
        with pytest.raises(OSError, match="the wire is cut"):
            await feed.take(5)
    assert not feed.exhausted


@pytest.mark.parametrize("portions", [1, 1000])
async def test_a_feed_that_is_closed_ends_its_thread(portions: int) -> None:
    going, before = threading.Event(), threading.active_count()

    def silent(put: Put) -> None:
        for portion in range(portions):
            put([portion])
        assert going.wait(LONG)
        put([-1])

    feed = Feed(silent)
    assert await feed.take(1) == [0]
    feed.close()
    going.set()
    while threading.active_count() > before:
        await asyncio.sleep(0.001)
    assert not feed.exhausted


def test_a_feed_whose_loop_is_gone_ends_its_thread() -> None:
    going, before = threading.Event(), threading.active_count()

    def silent(put: Put) -> None:
        put([1])
        assert going.wait(LONG)
        put([2])

    feed = Feed(silent)

    async def left() -> None:
        assert await feed.take(1) == [1]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(feed.take(1), 0.01)

    asyncio.run(left())
    going.set()
    while threading.active_count() > before:
        pass


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        (
            JsonRecords,
            [
                ("{}\n \n{}\n{", [(1, 1, 1), (2, 3, 3)]),
                ("}", []),
                ("\n{}", [(3, 4, 4)]),
                ("", [(4, 5, 5)]),
            ],
        ),
        (
            CsvRecords,
            [
                ('priority\n1\n\n"2\n', [(1, 2, 2)]),
                ('"', []),
                ("\n3\n4", [(2, 4, 5), (3, 6, 6)]),
                ("", [(4, 7, 7)]),
            ],
        ),
    ],
)
def test_each_record_is_there_as_soon_as_its_last_line_is(
    kind: type[JsonRecords | CsvRecords], steps: list[tuple[str, list[tuple[int, int, int]]]]
) -> None:
    out, into = os.pipe()
    seen: list[tuple[int, int, int]] = []
    wanted: list[tuple[int, int, int]] = []

    def put(portion: list[Record]) -> None:
        seen.extend((record.number, record.line, record.last) for record in portion)

    def read() -> None:
        with os.fdopen(out, "rb") as file:
            kind(file).read(put)

    def all_seen(count: int) -> bool:
        return len(seen) == count

    with meanwhile(read):
        for text, places in steps:
            if text:
                os.write(into, text.encode())
            else:
                os.close(into)
            wanted += places
            wait_until(partial(all_seen, len(wanted)))
    assert seen == wanted


def test_cells_that_are_no_text_are_wrong_and_the_next_ones_are_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    overlong = b"x" * (2**20 + 5)
    file.write_bytes(b"priority\n\xff\n" + overlong + b"\n3\n")
    with file.open("rb") as opened:
        records = CsvRecords(opened)
        read: list[Record] = []
        records.read(read.extend)
    reasons = []
    for record in read[:2]:
        with pytest.raises(ValueError, match="byte") as caught:
            records.fields(record)
        reasons.append(str(caught.value))
    assert reasons == ["not UTF-8: byte 0xff", "longer than 1,048,576 bytes"]
    assert records.fields(read[2]) == {"priority": 3}
    assert len({record.print for record in read}) == 3


def test_a_header_that_is_no_text_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"\npriority\xff\n1\n")
    with file.open("rb") as opened, pytest.raises(ValueError, match="2: not UTF-8: byte 0xff"):
        CsvRecords(opened)


def test_what_is_left_of_a_file_is_what_the_command_takes_up(tmp_path: Path) -> None:
    file = tmp_path / "my rows.csv"
    file.write_text('\npriority\n1\n2\n"3\n"\n4\n5\n6\n')
    words = [str(file), "--workspace", "WS1", "--format", "csv", "--results", "r"]
    context = click.Context(tasks, info_name="tasks")
    given = open_input(str(file), None)
    read: list[Record] = []
    given.read(read.extend)
    with import_.make_context("import", words, parent=context) as ctx:
        ctx.meta.clear()
        whole = rest_command(ctx, given, 8, [])
        holes = rest_command(ctx, given, 8, read[1:3])
    for told, rows in ((whole, "5\n6\n"), (holes, '2\n"3\n"\n5\n6\n')):
        rest, _, again = told.removeprefix("go on with the rest: ").rpartition(" | ")
        done = subprocess.run(rest, shell=True, capture_output=True, text=True, check=True)  # noqa: S602
        assert done.stdout == f"\npriority\n{rows}"
        assert again == ("aiotask tasks import - --workspace WS1 --results r.rest --format csv")
