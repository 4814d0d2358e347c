"""Rows and values of numpy, pandas and polars: what is taken, and what is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aiotask import Created, Rejected
from aiotask._encoding import encode
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import NewTask, WorkspaceContext

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")


@pytest.mark.parametrize("kind", ["int8", "int64", "uint32"])
def test_integers_of_numpy_are_integers(kind: str) -> None:
    number = getattr(numpy, kind)(5)
    assert encode(NewTask, {"priority": number}) == [("Priority", "5")]
    assert encode(NewTask, {"attributes": {"n": [number]}}) == [("Attributes", '{"n":[5]}')]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("priority", numpy.int64(-1), "priority: must be 0 to 2147483647, not -1"),
        ("priority", numpy.bool_(1), "priority: must be an int, not numpy.bool"),
        ("priority", numpy.float64(5), "priority: must be an int, not numpy.float64"),
        ("priority", True, "priority: must be an int, not bool"),
        ("attributes", {"x": numpy.float64("nan")}, "attributes.x: must be a finite number"),
        ("attributes", {"x": numpy.float32(0.1)}, "attributes.x: must be a JSON value"),
        ("attributes", {"x": numpy.array([1])}, "attributes.x: must be a JSON value"),
        ("attributes", {"x": pandas.NaT}, "attributes.x: must be a JSON value"),
        ("attributes", {"x": pandas.NA}, "attributes.x: must be a JSON value"),
        ("attributes", {"x": pandas.Timestamp("2026-01-01")}, "attributes.x: must be a JSON value"),
        ("virtual_start_time", pandas.NaT, "virtual_start_time: "),
        ("virtual_start_time", pandas.Timestamp("2026-01-01"), "must be an aware datetime"),
    ],
)
def test_what_could_mean_something_else_is_refused(field: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        encode(NewTask, {field: value})


def test_floats_and_moments_are_what_they_are() -> None:
    cells = {"x": numpy.float64(0.1), "y": numpy.float64(1e300)}
    (pair,) = encode(NewTask, {"attributes": cells})
    assert json.loads(pair[1]) == {"x": 0.1, "y": 1e300}
    moment = pandas.Timestamp("2026-01-01 10:00", tz="Europe/Berlin")
    assert encode(NewTask, {"virtual_start_time": moment}) == [
        ("VirtualStartTime", "2026-01-01T09:00:00Z")
    ]


CELLS: dict[str, list[Any]] = {
    "priority": [5, 6, None],
    "name": ["Ana", None, "Jo"],
    "score": [1.5, None, 2.5],
    "at": [datetime(2026, 1, 1, tzinfo=UTC), None, datetime(2026, 1, 2, tzinfo=UTC)],
}


def rows_of_pandas() -> list[dict[str, Any]]:
    frame = pandas.DataFrame(CELLS)
    frame["priority"] = frame["priority"].astype("Int64")
    frame["at"] = frame["at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return [{name: cell for name, cell in row.items() if pandas.notna(cell)} for row in rows]


def rows_of_polars() -> list[dict[str, Any]]:
    text = polars.col("at").dt.to_string("%Y-%m-%dT%H:%M:%SZ")
    frame = polars.DataFrame(CELLS).with_columns(text)
    rows = frame.iter_rows(named=True)
    return [{name: cell for name, cell in row.items() if cell is not None} for row in rows]


@pytest.mark.parametrize("rows", [rows_of_pandas, rows_of_polars])
async def test_rows_of_a_frame_become_tasks(
    sandbox: Sandbox, workspace: WorkspaceContext, rows: Any
) -> None:
    tasks = [
        {"attributes": row} | ({"priority": row.pop("priority")} if "priority" in row else {})
        for row in rows()
    ]
    outcomes = [each async for each in workspace.tasks.create_many(tasks, key_attribute=None)]
    assert [*map(type, outcomes)] == [Created] * 3
    found = [task async for task in workspace.tasks.list()]
    assert sorted(task.priority or 0 for task in found) == [0, 5, 6]
    assert sorted(json.dumps(task.attributes, sort_keys=True) for task in found) == [
        '{"at": "2026-01-01T00:00:00Z", "name": "Ana", "score": 1.5}',
        '{"at": "2026-01-02T00:00:00Z", "name": "Jo", "score": 2.5}',
        "{}",
    ]
    assert sandbox.requests.total() >= 3


async def test_a_cell_that_is_missing_is_refused_row_by_row(workspace: WorkspaceContext) -> None:
    rows = pandas.DataFrame({"priority": [5, None]}).to_dict("records")
    whole = [{"priority": int(rows[0]["priority"])}, rows[1]]
    outcomes = [each async for each in workspace.tasks.create_many(whole)]
    (refused,) = [each for each in outcomes if isinstance(each, Rejected)]
    assert str(refused.error) == "priority: must be an int, not float"
    assert len(outcomes) == 2
