"""Workbooks, Parquet and compressed files as inputs, in bounded memory."""

import gzip
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiotask.cli.errors import WrongUsageError
from aiotask.cli.extras import extra
from aiotask.cli.importing.input import InputError, InputSettings, open_input
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.row_kinds import NEW_TASKS
from aiotask.cli.importing.shape import RowShape, Shaping
from tests.cli.commands import Service, lines, numbers, outcomes, service, standard_input

openpyxl = pytest.importorskip("openpyxl")
parquet = pytest.importorskip("pyarrow.parquet")
arrow = pytest.importorskip("pyarrow")
try:
    zstd = extra(("compression.zstd", "backports.zstd"), "zstd", "zstd")
except WrongUsageError:
    pytest.skip("zstd is not installed", allow_module_level=True)

HEADER = ["attributes.n", "priority", "attributes.text", "virtual_start_time", "attributes"]
START = "2026-01-01T09:30:00+00:00"
ROWS: list[list[Any]] = [
    [1, 5, "a", START, '{"more": [1]}'],
    [2, None, "007", None, None],
    [3, 6.0, None, None, None],
]


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def workbook(path: Path, rows: list[list[Any]], *, empty: int = 0) -> str:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("People")
    book.create_sheet("Other").append(["nothing"])
    for row in [*([[]] * empty), *rows]:
        sheet.append(row)
    book.save(path)
    return str(path)


def parquet_file(path: Path, header: list[str], rows: list[list[Any]]) -> str:
    columns = {name: [row[at] for row in rows] for at, name in enumerate(header)}
    parquet.write_table(arrow.table(columns), path, row_group_size=1000)
    return str(path)


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.parquet", "rows"])
def test_cells_have_the_types_that_they_have_in_the_table(
    local: Service, tmp_path: Path, name: str
) -> None:
    if name == "rows.parquet":
        file = parquet_file(tmp_path / name, HEADER, ROWS)
    else:
        file = workbook(tmp_path / name, [HEADER, *ROWS], empty=2)
    result = local.run("tasks", "import", file)
    assert result.exit_code == 0, result.stderr
    found = {json.loads(task.attributes)["n"]: task for task in local.tasks()}
    assert [found[n].priority for n in (1, 2, 3)] == [5, 0, 6]
    assert json.loads(found[1].attributes).items() >= {"text": "a", "more": [1]}.items()
    assert json.loads(found[2].attributes)["text"] == "007"
    assert "text" not in json.loads(found[3].attributes)


@pytest.mark.parametrize("kind", ["excel", "parquet"])
def test_wrong_cells_are_wrong_rows_with_their_line(
    local: Service, tmp_path: Path, kind: str
) -> None:
    header = ["attributes.n", "priority"]
    rows: list[list[Any]] = [[1, "5"], [2, "high"], [None, None], ["#N/A", None], [5, "7"]]
    if kind == "excel":
        file, first = workbook(tmp_path / "rows.xlsx", [header, *rows]), 2
    else:
        texts = [[None if cell is None else str(cell) for cell in row] for row in rows]
        file, first = parquet_file(tmp_path / "rows.parquet", header, texts), 1
    results, rejects = tmp_path / "results", tmp_path / "rejects.jsonl"
    options = ["--results", str(results), "--rejects", str(rejects)]
    result = local.run("tasks", "import", file, *options)
    assert result.exit_code == 1
    assert f"{file}:{first + 1}: priority: must be a whole number, not 'high'" in result.stderr
    assert ": attributes.n: the formula in the cell gives #N/A" in result.stderr
    assert sorted(outcomes(results)) == [first, first + 1, first + 3, first + 4]
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert kept == [{"attributes.n": "2" if kind == "parquet" else 2, "priority": "high"}]


def test_parquet_holds_more_than_text_and_numbers(local: Service, tmp_path: Path) -> None:
    cells = {
        "attributes.at": [datetime(2026, 1, 2, 3, tzinfo=UTC), None],
        "attributes.price": [Decimal("5.25"), Decimal("6.00")],
        "attributes.tags": [["a", "b"], []],
        "attributes.who": [{"name": "Ana"}, None],
        "virtual_start_time": [datetime(2026, 1, 2, 3, tzinfo=UTC), None],
        "task_channel": ["default", None],
    }
    file = tmp_path / "rows.parquet"
    parquet.write_table(arrow.table(cells), file)
    result = local.run("tasks", "import", str(file))
    assert result.exit_code == 0, result.stderr
    found = sorted(
        (json.loads(task.attributes) for task in local.tasks()), key=lambda a: a["price"]
    )
    assert (
        found[0].items()
        >= {
            "at": "2026-01-02T03:00:00+00:00",
            "price": 5.25,
            "tags": ["a", "b"],
            "who": {"name": "Ana"},
        }.items()
    )
    assert found[1].items() >= {"price": 6, "tags": []}.items()
    assert "who" not in found[1]


def test_cells_that_json_has_not_are_wrong(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    parquet.write_table(arrow.table({"x": [b"\xff", None], "y": [1.0, float("nan")]}), file)
    shape = RowShape(NEW_TASKS, Shaping(columns_as_attributes=True))
    source = open_input(str(file), InputSettings(shape=shape))
    read: list[Record] = []
    source.read(read.extend)
    for record, reason in zip(read, ["x: is bytes, which JSON has not", "finite"], strict=True):
        with pytest.raises(ValueError, match=reason):
            source.records.fields(record)
        assert source.records.raw(record) == b""


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.parquet"])
def test_a_job_from_a_table_is_resumed_and_another_table_is_refused(
    local: Service, tmp_path: Path, name: str
) -> None:
    def made(count: int, first: int = 1) -> list[str]:
        rows = [[n, None, "x", None, None] for n in range(first, first + count)]
        if name.endswith("x"):
            workbook(tmp_path / name, [HEADER, *rows])
        else:
            parquet_file(tmp_path / name, HEADER, rows)
        return ["tasks", "import", str(tmp_path / name), "--journal", str(tmp_path / "journal")]

    assert local.run(*made(3)).exit_code == 0
    assert local.run(*made(5)).exit_code == 0
    assert numbers(local) == Counter([1, 2, 3, 4, 5])
    refused = local.run(*made(5, first=2))
    assert refused.exit_code == 2
    assert "row 1 has changed" in refused.stderr


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("rows.xlsx", b"PK\x03\x04 and no more", "not a workbook"),
        ("rows.xlsx", b"text", "not a workbook"),
        ("rows.parquet", b"PAR1 and no more", "not Parquet"),
        ("rows", b"PK\x03\x04 and no more", "not a workbook"),
        ("rows.jsonl.zst", b"\x28\xb5\x2f\xfd\xff\xff\xff", "damaged"),
        ("rows.jsonl.zst", b"{}", "damaged"),
        ("rows.jsonl", zstd.compress(lines(3).encode())[:-4], "damaged"),
    ],
)
def test_a_damaged_file_is_refused_whole(
    local: Service, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    result = local.run("tasks", "import", str(file))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"{file}:" in result.stderr
    assert reason in result.stderr
    assert not local.sandbox.requests


def test_a_workbook_whose_part_is_damaged_is_refused_before_anything_is_sent(
    local: Service, tmp_path: Path
) -> None:
    rows = [[n, None, "x" * 50, None, None] for n in range(3000)]
    file = Path(workbook(tmp_path / "rows.xlsx", [HEADER, *rows]))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    result = local.run("tasks", "import", str(file))
    assert result.exit_code == 2
    assert not local.sandbox.requests


def test_an_empty_workbook_has_no_header(local: Service, tmp_path: Path) -> None:
    result = local.run("tasks", "import", workbook(tmp_path / "rows.xlsx", []))
    assert result.exit_code == 2
    assert "has no header" in result.stderr


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.parquet"])
@pytest.mark.parametrize("option", [["--delimiter", ";"], ["--encoding", "utf-8"]])
def test_a_table_takes_no_options_of_text(
    local: Service, tmp_path: Path, name: str, option: list[str]
) -> None:
    file = tmp_path / name
    workbook(file, [HEADER]) if name.endswith("x") else parquet_file(file, HEADER, [])
    result = local.run("tasks", "import", str(file), *option)
    assert result.exit_code == 2
    assert f"{option[0]}: a workbook or a Parquet file has none" in result.stderr


@pytest.mark.parametrize("name", ["Orders", "orders"])
def test_a_worksheet_is_chosen_by_its_name(local: Service, tmp_path: Path, name: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["nothing"])
    orders = book.create_sheet("Orders")
    for row in (["attributes.n"], [7]):
        orders.append(row)
    book.save(tmp_path / "rows.xlsx")
    result = local.run("tasks", "import", str(tmp_path / "rows.xlsx"), "--worksheet", name)
    assert result.exit_code == 0, result.stderr
    assert numbers(local) == {7: 1}


def test_a_worksheet_that_is_not_there_is_refused_with_the_names_of_all(
    local: Service, tmp_path: Path
) -> None:
    file = workbook(tmp_path / "rows.xlsx", [HEADER, *ROWS])
    result = local.run("tasks", "import", file, "--worksheet", "Orders")
    assert result.exit_code == 2
    assert "--worksheet Orders: there is none of that name, but 'People', 'Other'" in result.stderr
    assert not local.sandbox.requests


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_only_a_workbook_has_worksheets(local: Service, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name.endswith("parquet"):
        parquet_file(file, HEADER, ROWS)
    else:
        file.write_text("priority\n5\n")
    result = local.run("tasks", "import", str(file), "--worksheet", "Orders")
    assert result.exit_code == 2
    assert f"--worksheet: {file} is no workbook" in result.stderr


def test_a_table_cannot_come_from_a_pipe(local: Service) -> None:
    with standard_input(b"PAR1"):
        result = local.run("tasks", "import", "-", "--format", "parquet")
    assert result.exit_code == 2
    assert "cannot come from a pipe" in result.stderr


def test_a_table_that_is_changed_meanwhile_stops_the_reading(tmp_path: Path) -> None:
    rows = [[n, None, None, None, None] for n in range(3000)]
    file = parquet_file(tmp_path / "rows.parquet", HEADER, rows)
    source = open_input(file, InputSettings())
    seen: list[int] = []

    def put(portion: list[Record]) -> None:
        seen.append(len(portion))
        with Path(file).open("ab") as changed:
            changed.write(b"x")

    with pytest.raises(InputError, match="was changed while it was read"):
        source.read(put)
    assert seen == [1000]


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.csv.zst", "rows.CSV.ZSTD", "rows.csv"])
def test_compressed_rows_are_told_by_name_and_by_content(
    local: Service, tmp_path: Path, name: str
) -> None:
    text = b"attributes.n,priority\n" + b"".join(b"%d,1\n" % n for n in range(2000))
    compress = gzip.compress if name.endswith("gz") else zstd.compress
    file = tmp_path / name
    file.write_bytes(compress(text[:9000]) + compress(text[9000:]))
    source = open_input(str(file), InputSettings())
    read: list[Record] = []
    source.read(read.extend)
    assert [source.records.fields(record)["attributes"]["n"] for record in read] == [
        str(n) for n in range(2000)
    ]
    with standard_input(file.read_bytes()):
        result = local.run("tasks", "import", "-", "--format", "csv", "--limit", "2")
    assert result.exit_code == 0, result.stderr
    assert len(local.tasks()) == 2


def test_an_extra_that_is_missing_is_named() -> None:
    with pytest.raises(WrongUsageError, match=r"^x needs an extra: pip install 'aiotask\[excel\]'"):
        extra(("no_such_module",), "excel", "x")


MEMORY = """
import re, sys
from pathlib import Path
from aiotask.cli.importing.input import InputSettings, open_input
before = 0
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
def put(portion):
    global before
    if not before and portion[-1].number >= 10_000:
        before = peak()
    for record in portion:
        source.records.fields(record)
    count[0] += len(portion)
count = [0]
source = open_input(sys.argv[1], InputSettings())
source.read(put)
print(count[0], peak() - before)
"""


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform != "linux", reason="the size of a process is in other units")
@pytest.mark.parametrize("name", ["rows.xlsx", "rows.parquet", "rows.csv.zst"])
def test_a_hundred_thousand_rows_are_read_in_bounded_memory(tmp_path: Path, name: str) -> None:
    rows = [[n, 5, "x" * 100, None, '{"a": 1}'] for n in range(100_000)]
    path = tmp_path / name
    if name.endswith("xlsx"):
        workbook(path, [HEADER, *rows])
    elif name.endswith("parquet"):
        parquet_file(path, HEADER, rows)
    else:
        text = io.StringIO()
        text.write("attributes.n,attributes.text\n")
        text.writelines(f"{row[0]},{row[2]}\n" for row in rows)
        path.write_bytes(zstd.compress(text.getvalue().encode()))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True
    )
    count, grown = map(int, done.stdout.split())
    assert count == 100_000
    assert grown < 10_000  # KiB; all rows would take some 30 MB
