"""msgspec and cattrs decode any document alike, whole or broken in one place."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, get_args, get_origin

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiotask._bodies import _complete_one, _decoder, _parts, decode, decode_page
from aiotask._decoding import JsonText, structure
from aiotask._json import JsonSyntaxError, loads
from aiotask.taskrouter import Task
from tests.test_decoding import RESOURCES, written

INTEGERS = st.integers() | st.integers(2**63).map(lambda number: number * 10)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PRINTABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | PRINTABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PRINTABLE, inner, max_size=3),
    max_leaves=8,
)
# More digits than a microsecond has are rounded, and it does not matter by whom.
DATES = (
    st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1))  # noqa: DTZ001 - a server may say so
    .map(lambda date: date.isoformat(timespec="microseconds"))
    .flatmap(
        lambda text: st.sampled_from([text, f"{text}Z", f"{text}+05:30", f"{text}9z", text[:16]])
    )
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    JsonText: st.none() | JSON.map(json.dumps) | PRINTABLE,
    str: PRINTABLE,
    int: INTEGERS,
    bool: st.booleans(),
    float: FLOATS | INTEGERS,
    datetime: DATES,
    Any: JSON,
    type(None): st.none(),
}


def fitting(kind: Any) -> st.SearchStrategy[Any]:
    """Give what a field of a type is in JSON, as a server has it."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is list:
        return st.lists(fitting(inner[0]), max_size=2)
    if origin is dict:
        keys = INTEGERS.map(str) if inner[0] is int else PRINTABLE
        return st.dictionaries(keys, fitting(inner[1]), max_size=2)
    if inner:
        return st.one_of([fitting(each) for each in inner[: 1 if origin is Annotated else None]])
    return members(kind)


def members(resource: Any) -> st.SearchStrategy[Any]:
    """Give the members of a resource; optional ones may be missing."""
    fields = [field for field in attrs.fields(resource) if not field.metadata]
    needed = {each.name: fitting(each.type) for each in fields if each.default is attrs.NOTHING}
    others = {each.name: fitting(each.type) for each in fields if each.name not in needed}
    return st.fixed_dictionaries(needed, optional=others)


def broken(document: Any) -> st.SearchStrategy[Any]:
    """Put something else into one place of a document."""
    if isinstance(document, dict) and document:
        return st.sampled_from(sorted(document)).flatmap(
            lambda name: broken(document[name]).map(lambda other: {**document, name: other})
        )
    if isinstance(document, list) and document:
        return broken(document[0]).map(lambda other: [other, *document[1:]])
    return JSON | st.just({}) | st.just([]) | DATES


def ends(read: Callable[[], Any]) -> Any:
    """Return what comes of reading, None for what is refused."""
    try:
        return read()
    except ValueError:
        return None


@settings(max_examples=30)  # of each of thirty resources
@given(st.data())
@pytest.mark.parametrize("resource", RESOURCES)
def test_msgspec_and_cattrs_make_the_same_of_any_document(
    resource: Any, data: st.DataObject
) -> None:
    whole = data.draw(members(resource))
    body = written(whole)
    expected = structure(loads(body), resource, '"3"')
    assert decode(body, resource, '"3"') == expected
    body = written(data.draw(broken(whole)))
    expected = ends(lambda: structure(loads(body), resource, '"3"'))
    assert ends(lambda: decode(body, resource, '"3"')) == expected
    try:
        straight = _decoder(resource).decode(body)
        _complete_one(straight, _parts(resource), '"3"')
    except (msgspec.ValidationError, TypeError):
        return
    assert straight == expected


@given(
    st.lists(members(Task), max_size=3), st.none() | PRINTABLE, st.sampled_from(["tasks", "other"])
)
def test_a_page_is_its_rows_under_the_name_that_it_says(
    rows: list[Any], following: str | None, key: str
) -> None:
    body = written({"meta": {"key": key, "next_page_url": following}, key: rows})
    expected = [structure(loads(written(row)), Task) for row in rows], following
    assert decode_page(body, Task, "tasks") == expected


ROWS: st.SearchStrategy[Any] = (
    st.just([]) | st.just([{"sid": "WT1"}]) | st.just([{"sid": 5}]) | JSON
)
META = st.fixed_dictionaries(
    {}, optional={"key": st.sampled_from(["tasks", "other"]) | JSON, "next_page_url": JSON}
)


@given(st.fixed_dictionaries({}, optional={"tasks": ROWS, "other": ROWS, "meta": META | JSON}))
def test_a_page_of_any_shape_is_the_same_whichever_name_was_expected(page: dict[str, Any]) -> None:
    body = written(page)
    straight = ends(lambda: decode_page(body, Task, "tasks"))
    assert straight == ends(lambda: decode_page(body, Task, "unknown"))


@pytest.mark.parametrize(
    "twice",
    [
        b'"sid":null,"sid":"WT1"',
        b'"sid":"WT1","age":"x","age":5',
        b'"sid":"WT1","age":5,"age":null',
        b'"attributes":5,"sid":"WT1","attributes":"{}"',
    ],
)
def test_of_two_members_with_one_name_the_last_counts(twice: bytes) -> None:
    body = b"{%b}" % twice
    assert decode(body, Task) == structure(json.loads(body), Task)


def test_a_document_that_is_null_is_none() -> None:
    with pytest.raises(JsonSyntaxError):
        decode(b"null", Task)
