"""Values in expressions: what can be written is found again, and nothing widens a match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.expression import literal
from aiotask.taskrouter import WorkspaceContext


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", '"a b"'),
        ("it's", '"it\'s"'),
        ('say "hi"', "'say \"hi\"'"),
        ("", '""'),
        (5, "5"),
        (-2.5, "-2.5"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_a_value_is_written_as_a_constant(*, value: str | float | bool, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize(
    "value", ["a\"b'c", "back\\slash", "line\nbreak", "\0", float("nan"), float("inf"), None, []]
)
def test_what_no_expression_can_hold_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match="cannot be written as a TaskRouter literal"):
        literal(value)  # type: ignore[arg-type]  # some of them are no constants at all


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\\")))
def test_a_text_keeps_to_its_quotes(text: str) -> None:
    try:
        written = literal(text)
    except ValueError:
        assert not text.isprintable() or ('"' in text and "'" in text)
    else:
        assert written[0] == written[-1]
        assert written[1:-1] == text
        assert written[0] not in text


@pytest.mark.parametrize("value", ['x" OR 1==1 OR "', "it's", "ü", 'a "quote"'])
async def test_a_value_of_anybodys_finds_itself_and_nothing_else(
    workspace: WorkspaceContext, value: str
) -> None:
    mine = await workspace.tasks.create(attributes={"name": value})
    await workspace.tasks.create(attributes={"name": "another"})
    found = workspace.tasks.list(evaluate_task_attributes=f"name == {literal(value)}")
    assert [task.sid async for task in found] == [mine.sid]
