"""Formats of an import's input: JSON arrays, delimiters, encodings and compression."""

import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.cli.importing.json_array import array_elements
from aiotask.cli.importing.lines import MalformedInputError
from tests.cli.commands import Service, lines, numbers, outcomes, service, standard_input

ROWS = [{"attributes": {"n": n, "text": 'a "b", [c] {d}\\'}} for n in (1, 2, 3)]
PRETTY = json.dumps(ROWS, indent=2)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def cut(text: bytes, chance: random.Random) -> Iterator[bytes]:
    position = 0
    while position < len(text):
        size = chance.randrange(1, 20)
        yield text[position : position + size]
        position += size


@given(st.lists(VALUES), st.sampled_from([None, 0, 2]), st.randoms(use_true_random=False))
def test_the_elements_of_an_array_are_those_of_the_document(
    document: list[object], indent: int | None, chance: random.Random
) -> None:
    text = f" {json.dumps(document, indent=indent)}\n".encode()
    elements = [*chain.from_iterable(array_elements(cut(text, chance)))]
    assert [json.loads(each.text) for each in elements] == document
    assert [each.line for each in elements] == sorted(each.line for each in elements)
    assert all(each.line <= each.last <= text.count(b"\n") for each in elements)


@pytest.mark.parametrize(
    "text",
    ["[", "[{}", "[1,]", "[,1]", "[{} {}]", "[{},,{}]", "[{}] x", "[{}][{}]", "[{},]", "[}", "{}"],
)
def test_what_is_not_one_array_is_refused(text: str) -> None:
    for blocks in ([text], text):
        with pytest.raises(MalformedInputError, match=r"^1: "):
            list(array_elements(block.encode() for block in blocks))


def test_an_element_that_does_not_end_is_refused_before_it_fills_the_memory() -> None:
    endless = chain([b"[\n"], iter(lambda: b'{"a": "' + b"x" * 2**16, b""))
    with pytest.raises(MalformedInputError, match="2: an element is longer than 1,048,576 bytes"):
        list(array_elements(endless))


@pytest.mark.parametrize("text", [PRETTY, json.dumps(ROWS), f"\n\ufeff{PRETTY}\n"[1:]])
@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows"])
def test_a_json_array_is_read_as_rows(local: Service, tmp_path: Path, text: str, name: str) -> None:
    file, results = tmp_path / name, tmp_path / "results"
    file.write_text(text)
    result = local.run("tasks", "import", str(file), "--results", str(results))
    assert result.exit_code == 0, result.stderr
    assert numbers(local) == Counter([1, 2, 3])
    with standard_input(text.encode()):
        assert local.run("tasks", "import", "-").exit_code == 0
    assert numbers(local) == Counter([1, 1, 2, 2, 3, 3])


def test_a_wrong_element_is_a_wrong_row_with_its_line(local: Service, tmp_path: Path) -> None:
    file, results = tmp_path / "rows.json", tmp_path / "results"
    file.write_text(
        '[\n{"attributes": {"n": 1}},\n5,\n{"prioritty":\n 6},\n{"attributes": {"n": 4}}]'
    )
    result = local.run("tasks", "import", str(file), "--results", str(results))
    assert result.exit_code == 1
    assert numbers(local) == Counter([1, 4])
    assert f"{file}:3: not a JSON object, but 5\n" in result.stderr
    assert f"{file}:4: " in result.stderr
    assert sorted(outcomes(results)) == [2, 3, 4, 6]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PRETTY[:-1], "the array does not end"),
        (PRETTY + PRETTY, "20: the array ends, and more follows"),
        ('[{"a": 1}, {"a": tru}]', "1: not JSON: "),
        (json.dumps(ROWS[0], indent=2), "1: a row continues in the next line"),
        ('{"tasks": [\n{"attributes": {}},\n{"attributes": {}}\n]}', "a row continues in the next"),
        ("\n42\n", "1: neither JSON Lines, whose rows are objects, nor"),
        (
            "<p>\n" * 10 + '{"attributes": {}}\n',
            "1: neither JSON Lines, whose rows are objects, nor",
        ),
    ],
)
def test_other_json_is_refused_whole_and_nothing_is_sent(
    local: Service, tmp_path: Path, text: str, reason: str
) -> None:
    file, journal = tmp_path / "rows.json", tmp_path / "journal"
    file.write_text(text)
    result = local.run("tasks", "import", str(file), "--journal", str(journal))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert reason in result.stderr
    assert not local.sandbox.requests
    assert not journal.exists()


def test_pretty_printed_objects_in_a_pipe_stop_the_import(local: Service) -> None:
    text = "".join(json.dumps(row, indent=1) + "\n" for row in ROWS)
    with standard_input(text.encode()):
        result = local.run("tasks", "import", "-")
    assert result.exit_code == 2
    assert "stopped: <stdin>:1: a row continues in the next line; " in result.stderr
    assert local.tasks() == []


def test_a_row_that_is_cut_off_is_a_wrong_row(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"attributes": {\n' + lines(2))
    assert local.run("tasks", "import", str(file)).exit_code == 1
    assert numbers(local) == Counter([1, 2])


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_a_format_that_is_given_is_taken_at_its_word(
    local: Service, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "rows"
    file.write_text("[\n{}\n]" if form == "jsonl" else lines(1))
    result = local.run("tasks", "import", str(file), "--format", form)
    assert result.exit_code == 2
    assert not local.sandbox.requests


CSV = 'attributes{0}priority\n"{{""n"": 1}}"{0}5\n"{{""n"": 2}}"{0}6\n'


@pytest.mark.parametrize(
    ("name", "delimiter", "options"),
    [
        ("rows.csv", ",", []),
        ("rows.csv", ";", []),
        ("rows.csv", "\t", []),
        ("rows.csv", "|", []),
        ("rows.TSV", "\t", []),
        ("rows", "\t", ["--format", "tsv"]),
        ("rows", "~", ["--delimiter", "~"]),
        ("rows.csv", "\t", ["--delimiter", "tab"]),
    ],
)
def test_cells_are_told_apart_by_the_delimiter(
    local: Service, tmp_path: Path, name: str, delimiter: str, options: list[str]
) -> None:
    file = tmp_path / name
    file.write_text(CSV.format(delimiter))
    result = local.run("tasks", "import", str(file), *options)
    assert result.exit_code == 0, result.stderr
    assert numbers(local) == Counter([1, 2])
    assert {task.priority for task in local.tasks()} == {5, 6}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv"])
def test_another_encoding_is_refused_with_a_guess_that_is_right(
    local: Service, tmp_path: Path, encoding: str, name: str
) -> None:
    row = {"attributes": {"n": 1}, "task_channel": "Müller"}
    texts = {
        "rows.jsonl": json.dumps(row, ensure_ascii=False),
        "rows.json": json.dumps([row], ensure_ascii=False, indent=1),
        "rows.csv": 'attributes,task_channel\n"{""n"": 1}",Müller\n',
    }
    file = tmp_path / name
    file.write_bytes(texts[name].encode(encoding))
    result = local.run("tasks", "import", str(file))
    assert result.exit_code == 2
    assert not local.sandbox.requests
    guess = result.stderr.rpartition("--encoding ")[2].strip()
    assert guess == encoding
    again = local.run("tasks", "import", str(file), "--encoding", guess)
    assert "Müller" in again.stderr  # a channel that the workspace has not
    assert again.exit_code == 1


@pytest.mark.parametrize("order", ["le", "be"])
def test_ascii_text_in_utf_16_without_a_mark_is_refused_with_a_guess(
    local: Service, tmp_path: Path, order: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(2).encode(f"utf-16-{order}"))
    result = local.run("tasks", "import", str(file))
    assert result.exit_code == 2
    assert result.stderr.endswith(f"try --encoding utf-16-{order}\n")
    assert local.run("tasks", "import", str(file), "--encoding", f"utf-16-{order}").exit_code == 0


def test_an_encoding_that_does_not_fit_is_wrong_usage(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes('{"task_channel": "Müller"}'.encode())
    for encoding, reason in (
        ("ascii", "not ascii: byte 0xc3"),
        ("utf-16", "utf-16: byte 0x7b" if sys.version_info >= (3, 13) else "start with BOM"),
        ("base64", "is not an encoding of text"),
        ("no-such", "is not an encoding of text"),
    ):
        result = local.run("tasks", "import", str(file), "--encoding", encoding)
        assert result.exit_code == 2
        assert reason in result.stderr
    assert not local.sandbox.requests


def test_a_file_in_gz_is_decompressed(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl.gz"
    file.write_bytes(gzip.compress(lines(3).encode()))
    job = ["tasks", "import", str(file), "--journal", str(tmp_path / "journal")]
    assert local.run(*job).exit_code == 0
    assert local.run(*job).exit_code == 0
    assert numbers(local) == Counter([1, 2, 3])


def test_a_file_in_gz_that_is_damaged_is_refused_whole(local: Service, tmp_path: Path) -> None:
    content = gzip.compress(lines(3).encode())
    file = tmp_path / "rows.jsonl.gz"
    for damaged in (content[:-5], content[:12] + b"\xff\xff" + content[14:], b"{}\n"):
        file.write_bytes(damaged)
        result = local.run("tasks", "import", str(file))
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert f"{file}: " in result.stderr
    misnamed = tmp_path / "rows.jsonl"
    misnamed.write_bytes(content[:-5])
    assert "damaged" in local.run("tasks", "import", str(misnamed)).stderr
    assert not local.sandbox.requests


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--delimiter", ";;"], "must be one character"),
        (["--delimiter", '"'], "must be one character"),
        (["--delimiter", ";", "--format", "jsonl"], "JSON has none"),
        (["--rows", "5-3"], "must be in ascending order"),
    ],
)
def test_settings_of_the_input_that_cannot_work_are_wrong_usage(
    local: Service, tmp_path: Path, options: list[str], reason: str
) -> None:
    file = tmp_path / "rows"
    file.write_text(lines(1))
    result = local.run("tasks", "import", str(file), *options)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert not local.sandbox.requests


def test_chosen_rows_are_imported_and_keep_their_numbers(local: Service, tmp_path: Path) -> None:
    file, results = tmp_path / "rows.jsonl", tmp_path / "results"
    file.write_text(lines(9))
    options = ["--rows", "2,4-5,8-", "--results", str(results)]
    assert local.run("tasks", "import", str(file), *options).exit_code == 0
    assert numbers(local) == Counter([2, 4, 5, 8, 9])
    assert sorted(outcomes(results)) == [2, 4, 5, 8, 9]
    keys = {task.sid: json.loads(task.attributes)["aiotask_key"] for task in local.tasks()}
    assert {row["sid"]: row["key"] for row in outcomes(results).values()} == keys
