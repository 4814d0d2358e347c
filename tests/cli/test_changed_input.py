"""Files that are changed while they are imported."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.cli.importing.input import InputError, InputSettings, open_input
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.unchanged import ChangedInputError, TextChecksums
from tests.cli.commands import LONG, Service, numbers, service, typed, wait_until
from tests.cli.jobs import Job

ROWS = 1500
# So long that the file is far from read when the first task is created.
PADDING = "x" * 3000


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def row(number: int) -> str:
    return json.dumps({"attributes": {"n": number, "padding": PADDING}}) + "\n"


def jsonl(rows: int) -> str:
    return "".join(map(row, range(1, rows + 1)))


def csv(rows: int) -> str:
    attributes = [json.dumps({"n": n, "padding": PADDING}) for n in range(1, rows + 1)]
    cells = (text.replace('"', '""') for text in attributes)
    return "attributes,priority\n" + "".join(f'"{cell}",123456\n' for cell in cells)


def array(rows: int) -> str:
    return f"[{','.join(map(row, range(1, rows + 1)))}]\n"


FORMS = {"rows.jsonl": jsonl, "rows.csv": csv, "rows.json": array}


def read(file: Path, change: Callable[[], object]) -> tuple[list[Record], str]:
    """Read a file that is changed when its first rows were read: the rows, and the error."""
    records: list[Record] = []

    def put(portion: list[Record]) -> None:
        if not records:
            change()
        records.extend(portion)

    source = open_input(str(file), InputSettings())
    try:
        source.read(put)
    except InputError as error:
        return records, str(error)
    return records, ""


def fields(file: Path, records: list[Record]) -> list[object]:
    source = open_input(str(file), InputSettings())
    with source.file:
        return [source.records.fields(record)["attributes"]["n"] for record in records]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("cut", [1, 3, 10_000, None])
def test_a_file_that_is_shortened_gives_whole_rows_and_an_error(
    tmp_path: Path, name: str, cut: int | None
) -> None:
    file, text = tmp_path / name, FORMS[name](100)
    file.write_text(text)
    size = 0 if cut is None else len(text) - cut
    records, error = read(file, lambda: os.truncate(file, size))
    assert error == f"{file}: it became shorter while it was read; put the rest back"
    file.write_text(text)
    assert fields(file, records) == [*range(1, len(records) + 1)]
    assert 0 < len(records) < 100


@pytest.mark.parametrize("name", FORMS)
def test_a_file_that_is_overwritten_gives_no_row_of_the_new_text(tmp_path: Path, name: str) -> None:
    file, text = tmp_path / name, FORMS[name](100)
    file.write_text(text)
    other = text.replace("x", "y") + text
    records, error = read(file, lambda: file.write_text(other))
    assert error == f"{file}: it was changed while it was read; put back what it was"
    assert 0 < len(records) < 100
    assert not any("y" in str(record.content) for record in records)


@pytest.mark.parametrize("name", FORMS)
def test_a_file_that_is_replaced_is_read_to_its_end(tmp_path: Path, name: str) -> None:
    file, other, text = tmp_path / name, tmp_path / "other", FORMS[name](100)
    file.write_text(text)
    other.write_text(FORMS[name](3))
    records, error = read(file, lambda: other.replace(file))
    assert (len(records), error) == (100, "")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_whole_rows_that_are_added_meanwhile_are_read_too(
    tmp_path: Path, name: str, end: str
) -> None:
    file, text, more = tmp_path / name, FORMS[name](100), FORMS[name](200)
    file.write_text(text.removesuffix("\n") + end)
    records, error = read(file, lambda: file.write_text(more))
    assert error == ""
    assert fields(file, records) == [*range(1, 201)]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
@pytest.mark.parametrize("end", ["\n", "", None])
@pytest.mark.parametrize("rows", [100, 101, 180])
def test_a_row_that_is_being_added_is_left_to_the_next_run(
    tmp_path: Path, name: str, end: str | None, rows: int
) -> None:
    file, text, more = tmp_path / name, FORMS[name](100), FORMS[name](rows + 1)
    file.write_text(text[:-10] if end is None else text.removesuffix("\n") + end)
    records, error = read(file, lambda: file.write_text(more[:-5]))
    assert error == f"{file}: it grew while it was read, and its last line is not whole yet"
    file.write_text(more)
    assert fields(file, records) == [*range(1, rows + 1)]


def test_a_compressed_file_that_is_shortened_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl.gz"
    # Python reads much of a file ahead; stored as they are, the rows are more than that.
    members = [gzip.compress(row(n).encode() * 100, 0) for n in range(1, 30)]
    file.write_bytes(b"".join(members))
    size = sum(map(len, members[:-1]))
    records, error = read(file, lambda: os.truncate(file, size))
    assert 0 < len(records) < 2900
    assert error == f"{file}: it became shorter while it was read; put the rest back"


def blocks(text: bytes, sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        yield text[:size]
        text = text[size:]
    yield text


@given(
    st.lists(st.binary(max_size=8).map(lambda line: line * 9000), max_size=8),
    st.lists(st.integers(1, 200_000), max_size=5),
    st.lists(st.integers(1, 200_000), max_size=5),
    st.binary(max_size=20),
    st.integers(0, 500_000),
)
def test_nothing_comes_that_is_another_text_and_nothing_is_missed(
    lines: list[bytes], sizes: list[int], other_sizes: list[int], added: bytes, cut: int
) -> None:
    text, checksums = b"\n".join(lines), TextChecksums()
    assert b"".join(checksums.noted(blocks(text, sizes))) == text
    for now in (text, text + added, text[:cut], text[:cut] + b"?" + text[cut + 1 :]):
        came = b""
        try:
            for block in checksums.compared(blocks(now, other_sizes)):
                came += block
        except ChangedInputError:
            assert now != text
            assert text.startswith(came) or now.startswith(came)
        else:
            assert came == now
            assert now.startswith(text)
            assert now == text or now.endswith(b"\n")


def changed(local: Service, job: Job, change: Callable[[], object]) -> tuple[int, str]:
    """Import, and change the file while the first row waits for its answer."""
    local.sandbox.faults.next("POST", "/Tasks", "before_hang")
    running = local.spawn(*job.words, "--max-in-flight", "1", "--timeout", "5")
    wait_until(lambda: local.sandbox.injected.total() == 1)
    change()
    told = running.communicate(timeout=4 * LONG)[1].decode()
    return running.returncode, told


def test_a_shortened_file_ends_an_import_and_the_command_that_is_told_goes_on(
    local: Service, tmp_path: Path
) -> None:
    text = jsonl(ROWS)
    job = Job(tmp_path, text)
    status, told = changed(local, job, lambda: os.truncate(job.file, len(text) - 4000))
    assert status == 2
    assert f"stopped: {job.file}: it became shorter while it was read; put the rest back\n" in told
    assert "fix that, then resume with: aiotask tasks import " in told
    assert 0 < len(local.tasks()) < ROWS
    job.file.write_text(text)
    assert local.run(*job.words).exit_code == 0
    assert numbers(local) == Counter(range(1, ROWS + 1))
    assert job.fates() == {"created": ROWS}


def test_without_a_journal_the_command_that_is_told_imports_the_rest(
    local: Service, tmp_path: Path
) -> None:
    text = jsonl(ROWS)
    job = Job(tmp_path, text)
    job.words = ["tasks", "import", str(job.file), "--settle", "1"]
    status, told = changed(local, job, lambda: os.truncate(job.file, len(text) - 4000))
    assert status == 2
    job.file.write_text(text)
    done = typed(told.rpartition("import the rest with: ")[2], local)
    assert done.returncode == 0, done.stderr
    assert numbers(local) == Counter(range(1, ROWS + 1))
