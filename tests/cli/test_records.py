"""Records of an input as they come, and the command that imports the rest of it."""

import asyncio
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import pytest

from aiotask.cli import main
from aiotask.cli.commands.import_ import import_
from aiotask.cli.commands.tasks import tasks
from aiotask.cli.importing.csv_records import CsvRecords
from aiotask.cli.importing.input import InputSettings, open_input
from aiotask.cli.importing.json_records import JsonRecords
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.resume import rest_command
from aiotask.cli.importing.row_ranges import RowRanges
from aiotask.cli.importing.stream import text_blocks
from aiotask.cli.importing.thread_rows import ThreadRows
from tests.cli.commands import LONG, meanwhile, wait_until

Put = Callable[[list[int]], None]


async def all_of(rows: ThreadRows[int], most: int = 100) -> list[int]:
    taken: list[int] = []
    while portion := await rows.take(most, int):
        assert len(portion) <= most
        taken += portion
    return taken


async def test_a_source_gives_all_that_is_read_and_reads_no_further_ahead_than_it_may() -> None:
    read = 0

    def count(put: Put) -> None:
        nonlocal read
        for portion in range(1000):
            read += 1
            put([10 * portion + place for place in range(10)])

    rows = ThreadRows(count)
    assert await rows.take(7, int) == [0, 1, 2, 3, 4, 5, 6]
    await asyncio.to_thread(lambda: None)
    assert read < 100
    assert await all_of(rows) == list(range(7, 10_000))
    assert rows.exhausted
    assert await rows.take(1, int) == []


async def test_what_was_read_before_an_error_is_given_and_then_the_error() -> None:
    def broken(put: Put) -> None:
        put([1, 2])
        raise OSError("the wire is cut")

    rows = ThreadRows(broken)
    assert await rows.take(1, int) == [1]
    assert await rows.take(5, int) == [2]
    for _ in range(2):
        with pytest.raises(OSError, match="the wire is cut"):
            await rows.take(5, int)
    assert not rows.exhausted


@pytest.mark.parametrize("portions", [1, 1000])
async def test_a_source_that_is_closed_ends_its_thread(portions: int) -> None:
    going, before = threading.Event(), threading.active_count()

    def silent(put: Put) -> None:
        for portion in range(portions):
            put([portion])
        assert going.wait(LONG)
        put([-1])

    rows = ThreadRows(silent)
    assert await rows.take(1, int) == [0]
    rows.close()
    going.set()
    while threading.active_count() > before:
        await asyncio.sleep(0.001)
    assert not rows.exhausted


def test_a_source_whose_loop_is_gone_ends_its_thread() -> None:
    going, before = threading.Event(), threading.active_count()

    def silent(put: Put) -> None:
        put([1])
        assert going.wait(LONG)
        put([2])

    rows = ThreadRows(silent)

    async def left() -> None:
        assert await rows.take(1, int) == [1]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(rows.take(1, int), 0.01)

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
            kind(text_blocks(file, "rows", None)).read(put)

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
    read: list[Record] = []
    with file.open("rb") as opened:
        records = CsvRecords(text_blocks(opened, "rows.csv", None))
        records.read(read.extend)
    reasons = []
    for record in read[:2]:
        with pytest.raises(ValueError, match="byte") as caught:
            records.fields(record)
        reasons.append(str(caught.value))
    assert reasons == ["not UTF-8: byte 0xff", "longer than 1,048,576 bytes"]
    assert records.fields(read[2]) == {"priority": 3}
    assert len({record.fingerprint for record in read}) == 3


def test_a_header_that_is_no_text_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"\npriority\xff\n1\n")
    with pytest.raises(ValueError, match="2: not UTF-8: byte 0xff"):
        CsvRecords([file.read_bytes()])


def test_the_rest_of_a_file_is_named_by_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "my rows.csv"
    file.write_text('\npriority\n1\n2\n"3\n"\n4\n5\n6\n')
    context = click.Context(tasks, parent=click.Context(main))
    options = ["--workspace", "WS1", "--format", "csv", "--results", "r"]
    for chosen, expected in ((None, "2-3,5-"), ("1-2,4-6", "2,5-6")):
        words = [str(file), *options, *([] if chosen is None else ["--rows", chosen])]
        with import_.make_context("import", words, parent=context) as ctx:
            ctx.meta.clear()
            rows = None if chosen is None else RowRanges.parse(chosen)
            source = open_input(str(file), InputSettings(rows=rows))
            command = rest_command(ctx, source, 8, RowRanges.rest([2, 3], 4))
            source.file.close()
        assert command == (
            f"import the rest with: aiotask tasks import '{file}' --workspace WS1 --format csv "
            f"--rows {expected} --results r.rest"
        )


def test_row_ranges_are_read_and_written() -> None:
    ranges = RowRanges.parse("3, 5-9,120-")
    assert str(ranges) == "3,5-9,120-"
    assert [number for number in range(1, 123) if number in ranges] == [
        *(3, 5, 6, 7, 8, 9, 120, 121, 122)
    ]
    assert [ranges.position(number) for number in (3, 5, 9, 120)] == [1, 2, 6, 7]
    assert str(RowRanges.rest([1, 2, 4], 7)) == "1-2,4,8-"


@pytest.mark.parametrize("text", ["", "0", "5-3", "3,3", "4-,7", "a", "1-2-3", "-5"])
def test_ranges_that_name_no_rows_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be "):
        RowRanges.parse(text)
