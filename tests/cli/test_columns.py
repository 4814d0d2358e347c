"""Columns of people's own files: what they become, keys, trials and limits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.cli.importing.row_kinds import NEW_TASKS
from aiotask.cli.importing.row_ranges import RowRanges
from aiotask.cli.importing.shape import RowShape, Shaping
from tests.cli.commands import Service, lines, outcomes, run, service

MARKS = {"aiotask_key", "aiotask_job"}
PEOPLE = """\
order_id,phone,Name,address.city,tags,priority
7001,0049123,Müller,Köln,"[""a"", 2]",5
7002,,"Ana ""A"" Díaz",Madrid,,
"""


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def attributes(local: Service) -> list[dict[str, Any]]:
    """Return the attributes of all tasks, those of the import left out."""
    found = [json.loads(task.attributes) for task in local.tasks()]
    plain = [{name: row[name] for name in row if name not in MARKS} for row in found]
    return sorted(plain, key=json.dumps)


def written(tmp_path: Path, text: str, name: str = "people.csv") -> str:
    file = tmp_path / name
    file.write_text(text)
    return str(file)


def test_columns_become_attributes_as_text(local: Service, tmp_path: Path) -> None:
    file = written(tmp_path, PEOPLE)
    result = local.run("tasks", "import", file, "--columns-as-attributes")
    assert result.exit_code == 0, result.stderr
    assert attributes(local) == [
        {
            "order_id": "7001",
            "phone": "0049123",
            "Name": "Müller",
            "address.city": "Köln",
            "tags": '["a", 2]',
        },
        {"order_id": "7002", "Name": 'Ana "A" Díaz', "address.city": "Madrid"},
    ]
    assert {task.priority for task in local.tasks()} == {0, 5}


def test_columns_are_mapped_nested_fixed_and_left_out(local: Service, tmp_path: Path) -> None:
    file = written(tmp_path, PEOPLE)
    options = ["--map", "phone=attributes.contact.phone", "--map", "Name=attributes.contact.name"]
    options += ["--map", "address.city=", "--map", "order_id=attributes.order"]
    options += ["--map", "tags=attributes.tags", "--json-columns", "tags,order_id"]
    options += ["--set", 'attributes.source="csv"', "--set", "priority=9"]
    result = local.run("tasks", "import", file, *options)
    assert result.exit_code == 0, result.stderr
    assert attributes(local) == [
        {
            "contact": {"phone": "0049123", "name": "Müller"},
            "order": 7001,
            "tags": ["a", 2],
            "source": "csv",
        },
        {"contact": {"name": 'Ana "A" Díaz'}, "order": 7002, "source": "csv"},
    ]
    assert {task.priority for task in local.tasks()} == {9}


def test_a_header_names_attributes_and_what_is_beside_them(local: Service, tmp_path: Path) -> None:
    text = (
        'attributes,attributes.a.b,attributes.c\n"{""a"": {""x"": 1}}",2,\n,3,4\n"{""c"": 1}",,5\n'
    )
    result = local.run("tasks", "import", written(tmp_path, text + '"{""a"": 1}",2,\n'))
    assert result.exit_code == 1
    assert attributes(local) == [{"a": {"b": "3"}, "c": "4"}, {"a": {"x": 1, "b": "2"}}]
    assert ":4: attributes.c: attributes.c is there already\n" in result.stderr
    assert ":5: attributes.a.b: attributes.a is not an object\n" in result.stderr


def test_rows_of_json_are_mapped_too(local: Service, tmp_path: Path) -> None:
    rows = [{"phone": 5, "n": [1], "prio": 3}, {"phone": None, "prio": 4, "attributes": {"k": 1}}]
    file = written(tmp_path, "".join(f"{json.dumps(row)}\n" for row in rows), "rows.jsonl")
    options = ["--map", "phone=attributes.phone", "--map", "prio=priority"]
    result = local.run("tasks", "import", file, *options, "--columns-as-attributes")
    assert result.exit_code == 0, result.stderr
    assert attributes(local) == [{"k": 1, "phone": None}, {"n": [1], "phone": 5}]
    assert {task.priority for task in local.tasks()} == {3, 4}


HEADER = "phone,priority,attributes.a\n1,2,3\n"


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        (HEADER, [], "1: unknown field 'phone'; choose from"),
        (HEADER, ["--map", "phone"], "--map: must be like phone=attributes.phone, not 'phone'"),
        (HEADER, ["--map", "phone=priorty"], "--map: unknown field 'priorty'; did you mean"),
        (HEADER, ["--map", "phone=attributes."], "--map: attributes.: an attribute needs a name"),
        (HEADER, ["--map", "phone=priority"], "1: phone and priority are both priority"),
        (HEADER, ["--map", "phone=attributes.a.b"], "phone and attributes.a are both attributes.a"),
        (HEADER, ["--map", "p=", "--map", "p="], "--map: p is there twice"),
        (HEADER, ["--map", "fone=attributes.b", "--map", "phone="], "1: there is no column fone"),
        (HEADER, ["--columns-as-attributes", "--json-columns", "x"], "1: there is no column x"),
        (HEADER, ["--columns-as-attributes", "--key-column", "id"], "1: there is no column id"),
        (HEADER, ["--set", "priority"], "--set: must be like priority=5"),
        (HEADER, ["--set", "priority=high"], "--set: priority: must be a whole number, not 'high'"),
        (HEADER, ["--set", "attributes.a=csv"], """text is written as 'attributes.a="csv"'"""),
        (
            HEADER,
            ["--set", "attributes={}", "--set", "attributes.a=1"],
            "--set: attributes and attributes.a cannot both be set",
        ),
        ("a,a\n1,2\n", ["--columns-as-attributes"], "1: two columns are named a"),
    ],
)
@pytest.mark.parametrize("trial", [False, True])
def test_options_that_cannot_work_are_refused_before_anything_is_sent(
    local: Service, tmp_path: Path, text: str, options: list[str], reason: str, *, trial: bool
) -> None:
    journal = tmp_path / "journal"
    words = [written(tmp_path, text), "--journal", str(journal), *options]
    result = local.run("tasks", "import", *words, *(["--dry-run"] if trial else []))
    assert result.exit_code == 2
    assert reason in result.stderr
    assert not local.sandbox.requests
    assert not journal.exists()


def test_a_key_column_needs_a_journal_that_is_a_file(local: Service, tmp_path: Path) -> None:
    options = ["--journal", "postgresql://db/x", "--job", "j", "--key-column", "order_id"]
    result = local.run("tasks", "import", written(tmp_path, PEOPLE), *options)
    assert (result.exit_code, not local.sandbox.requests) == (2, True)
    assert "--key-column: the --journal has to be a file, or none" in result.stderr


@pytest.mark.parametrize("journaled", [False, True])
def test_a_key_gets_one_task_in_whatever_order_and_file_it_comes(
    local: Service, tmp_path: Path, *, journaled: bool
) -> None:
    def imported(keys: list[int], name: str) -> tuple[str, dict[int, dict[str, Any]]]:
        text = "order_id,attributes.n\n" + "".join(f"{key},{key}\n" for key in keys)
        file, results = written(tmp_path, text, name), tmp_path / f"{name}.results"
        words = ["--key-column", "order_id", "--results", str(results), "--settle", "1"]
        words += ["--journal", f"{file}.journal"] if journaled else []
        result = local.run("tasks", "import", file, *words)
        assert result.exit_code == 0, result.stderr
        return result.stderr, outcomes(results)

    _, first = imported([11, 12, 13], "monday.csv")
    said, second = imported([14, 13, 12, 11], "tuesday.csv")
    assert "1 created, 3 existing, 0 rejected" in said
    assert len(local.tasks()) == 4
    assert {row["key"]: row["outcome"] for row in second.values()} == {
        "11": "existing", "12": "existing", "13": "existing", "14": "created",
    }  # fmt: skip
    sids = {row["key"]: row["sid"] for row in first.values()}
    assert sids.items() <= {row["key"]: row["sid"] for row in second.values()}.items()
    if journaled:
        shown = run("journal", "show", str(tmp_path / "tuesday.csv.journal")).stdout
        assert "1 created, 3 existing" in shown
        said, again = imported([14, 13, 12, 11], "tuesday.csv")
        assert "1 created, 3 existing, 0 rejected" in said
        assert again == second


def test_rows_without_a_good_key_are_rejected(local: Service, tmp_path: Path) -> None:
    text = "id,attributes.n\n1,1\n,2\nno spaces,3\n1,4\n"
    results = tmp_path / "results"
    words = [written(tmp_path, text), "--key-column", "id", "--results", str(results)]
    result = local.run("tasks", "import", *words)
    assert result.exit_code == 1
    errors = {line: row.get("error") for line, row in outcomes(results).items()}
    assert errors == {
        2: None,
        3: "id: id is empty",
        4: "id: must be 1 to 64 letters, digits and any of _ . : @ + -, not 'no spaces'",
        5: "id: '1' is the key of row 1 already",
    }
    trial = local.run("tasks", "import", *words, "--dry-run")
    assert trial.exit_code == 1
    for line, reason in errors.items():
        assert reason is None or f":{line}: {reason}\n" in trial.stderr


def test_a_trial_shows_three_rows_counts_the_wrong_ones_and_sends_nothing(tmp_path: Path) -> None:
    text = lines(4) + '{"priority": -1}\n{"prioritty": 1}\n' + lines(1)
    journal, results = tmp_path / "journal", tmp_path / "results"
    file = written(tmp_path, text, "rows.jsonl")
    words = ["--journal", str(journal), "--results", str(results), "--set", "priority=3"]
    started = '{"virtual_start_time": "2026-01-01T10:00:00+01:00"}\n'
    # No service, no account and no workspace: nothing could be sent.
    options = ["--workspace", "Support", *words, "--dry-run"]
    result = run("tasks", "import", file, *options)
    assert result.exit_code == 1
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"attributes": {"n": n}, "priority": 3} for n in (1, 2, 3)
    ]
    assert f"{file}:6: unknown field 'prioritty'; did you mean priority\n" in result.stderr
    assert "7 rows: 6 would be sent, 1 are wrong; nothing was sent\n" in result.stderr
    assert not journal.exists()
    assert not results.exists()
    file = written(tmp_path, started, "start.jsonl")
    result = run("tasks", "import", file, *options)
    assert (result.exit_code, json.loads(result.stdout)) == (
        0,
        {"virtual_start_time": "2026-01-01T09:00:00Z", "priority": 3},
    )


def test_a_trial_counts_the_room_that_the_key_takes(tmp_path: Path) -> None:
    row = {"attributes": {"text": "x" * 4050}}
    file = written(tmp_path, f"{json.dumps(row)}\n", "rows.jsonl")
    result = run("tasks", "import", file, "--workspace", "WS", "--dry-run")
    assert result.exit_code == 1
    assert "must have at most 4096 characters as JSON" in result.stderr


def test_a_limit_ends_the_reading_and_is_extended_by_the_next_run(
    local: Service, tmp_path: Path
) -> None:
    file = written(tmp_path, lines(9), "rows.jsonl")
    words = ["tasks", "import", file, "--journal", str(tmp_path / "journal")]
    for options, count in ((["--limit", "2"], 2), (["--limit", "5"], 5), ([], 9)):
        assert local.run(*words, *options).exit_code == 0
        assert len(local.tasks()) == count
    assert local.run("tasks", "import", file, "--rows", "3,8-", "--limit", "2").exit_code == 0
    numbers = sorted(row["n"] for row in attributes(local))
    assert numbers == [1, 2, 3, 3, 4, 5, 6, 7, 8, 8, 9]


def test_the_rest_of_limited_rows_stays_limited(local: Service, tmp_path: Path) -> None:
    file = written(tmp_path, '{"x": 1}\n' * 3 + lines(600), "rows.jsonl")
    words = ["--limit", "400", "--stop-after", "2", "--max-in-flight", "1"]
    result = local.run("tasks", "import", file, *words, "--set", "priority=1")
    rest = result.stderr.splitlines()[-1]
    assert "--limit" not in rest
    assert RowRanges.parse(rest.split()[-1]).last == 400
    assert "--set priority=1" in rest


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=4),
    st.integers(1, 60),
)
def test_the_first_of_ranges_are_the_first_rows(pairs: list[tuple[int, int]], most: int) -> None:
    ranges, last = [], 0
    for gap, length in pairs:
        ranges.append((last + gap, last + gap + length))
        last += gap + length
    every = RowRanges(tuple(ranges))
    rows = [number for number in range(1, last + 1) if number in every]
    first = RowRanges.first(most, every)
    assert [number for number in range(1, last + 1) if number in first] == rows[:most]
    assert RowRanges.first(most, None) == RowRanges(((1, most),))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(min_size=1), JSON, max_size=5))
def test_any_row_becomes_attributes_as_it_is(row: dict[str, Any]) -> None:
    shape = RowShape(NEW_TASKS, Shaping(columns_as_attributes=True))
    taken = {name for name in row if name in NEW_TASKS.fields or name.startswith("attributes.")}
    plain = {name: value for name, value in row.items() if name not in taken}
    assert shape.fields(plain, cells=False) == ({"attributes": plain} if plain else {})
