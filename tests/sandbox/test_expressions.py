from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.sandbox.expressions.language import ExpressionError, Scope, parse
from aiotask.sandbox.model.worker_order import parse_order, parse_reference, rank

ATTRIBUTES = {
    "language": "en",
    "rating": 5.5,
    "count": 1,
    "vip": True,
    "banned": False,
    "nothing": None,
    "tags": ["a", 1, True],
    "object": {"array": [10, {"deep": "x"}, [7]]},
    "levels": {"988ENsk": 4, "988": 2, "3": [1]},
    "9to5": True,
    "quote": 'a"b\\c',
    "in": {"side": 1},
}


@pytest.mark.parametrize(
    "text",
    [
        "1==1",
        "1 == 1.0",
        "1 = 1",
        "language == 'en'",
        'language == "en"',
        "  language=='en'  ",
        "language != 'fr'",
        "rating > 5",
        "rating >= 5.5",
        "rating < 6",
        "rating <= 5.5e0",
        "rating > -1",
        "language < 'fr'",
        "language CONTAINS 'n'",
        "language contains 'e'",
        "vip == true",
        "vip == TRUE",
        "banned == false",
        "nothing == null",
        "missing == null",
        "tags != null",
        "language != null",
        "null == null",
        "missing != 'x'",
        "tags HAS 'a'",
        "tags HAS 1",
        "tags HAS true",
        "tags NOT HAS 'b'",
        "tags not has null",
        "['a', 'b'] HAS 'a'",
        "language IN ['en', 'fr']",
        "language in ['en']",
        "language IN['en']",
        "count IN [1.0]",
        "'a' IN tags",
        "language NOT IN ['fr']",
        "language NOT IN []",
        "missing NOT IN ['a']",
        "missing IN [null]",
        "'b' NOT IN tags",
        "object.array[0] == 10",
        "object.array[1].deep == 'x'",
        "object.array[2][0] == 7",
        "in.side == 1",
        "object.array[9] == null",
        "object.array.deep == null",
        "language[0] == null",
        "levels.988ENsk > 3",
        "levels.988 == 2",
        "levels.3[0] == 1",
        "9to5 == true",
        "rating > -1 AND -1 < rating",
        "'skill' == 'skill'",
        '"it\'s" == "it\'s"',
        r"""quote == "a\"b\\c" """,
        r"'it\'s' == " + '"it\'s"',
        "1==2 OR 1==1",
        "1==2 or 1==1",
        "1==1 AND 2==2",
        "1==1 OR 1==2 AND 1==3",
        "(1==1 OR 1==2) AND 1==1",
        "((language == 'en'))",
        "(language == 'en' OR language == 'fr') AND rating >= 5.1",
        "(1==1) AND\n(2==2)\tAND 3==3",
    ],
)
def test_an_expression_is_true(text: str) -> None:
    assert parse(text).test(ATTRIBUTES) is True


@pytest.mark.parametrize(
    "text",
    [
        "1==2",
        "language == 'EN'",
        "language == 5",
        "count == true",
        "count == '1'",
        "vip == 1",
        "language != 'en'",
        "language != 5",
        "tags != 'a'",
        "tags == 'a'",
        "tags == ['a', 1, true]",
        "object != 1",
        "tags > 1",
        "language > 1",
        "vip > 0",
        "missing > 1",
        "missing <= 1",
        "nothing != null",
        "tags CONTAINS 'a'",
        "rating CONTAINS '5'",
        "language HAS 'en'",
        "language NOT HAS 'x'",
        "missing NOT HAS 'x'",
        "tags HAS 'b'",
        "tags NOT HAS 'a'",
        "tags HAS ['a']",
        "tags HAS false",
        "language IN ['fr']",
        "vip IN [1]",
        "count IN [true, '1']",
        "tags IN ['a']",
        "object IN ['a']",
        "missing IN ['a']",
        "language IN 'english'",
        "language NOT IN 'english'",
        "language NOT IN ['en']",
        "tags NOT IN ['x']",
        "'a' NOT IN tags",
        "'language' == 'en'",
        "1==1 AND 1==2",
        "(1==1 OR 1==1) AND 1==2",
    ],
)
def test_an_expression_is_false(text: str) -> None:
    assert parse(text).test(ATTRIBUTES) is False


BOTH = Scope(
    task={"language": "en", "tags": ["a", "b"], "need": {"level": [3]}, "agent": "WK1"},
    worker={"sid": "WK1", "languages": ["en", "fr"], "level": 4, "channel": {"sms": {"free": 50}}},
    workers={"available": 0, "WA1": 2},
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("task.language IN worker.languages", True),
        ("worker.languages HAS task.language", True),
        ("worker.languages has task.missing", False),
        ("task.language NOT IN worker.languages", False),
        ("worker.level >= task.need.level[0]", True),
        ("worker.level < task.need.level[0]", False),
        ("task.agent = worker.sid", True),
        ("worker.languages[1] == 'fr'", True),
        ("worker.channel.sms.free >= 50", True),
        ("worker.channel.chat.free >= 50", False),
        ("task.tags CONTAINS 'a'", False),
        ("task.language contains 'e'", True),
        ("workers.available == 0", True),
        ("workers.WA1 > 1 and workers.unavailable == null", True),
        ("language == 'en'", False),
        ("task == null", False),
        ("task[0] == null", True),
        ("nothing.at.all == null", True),
    ],
)
def test_prefixes_tell_the_task_from_the_worker(text: str, *, value: bool) -> None:
    assert parse(text).test(BOTH) is value


def test_an_expression_tells_what_it_refers_to() -> None:
    paths = parse("(a.b[1] == 'x' OR c IN ['y']) AND worker.a_b HAS task.d").paths
    assert paths == {("a", "b", 1), ("c",), ("worker", "a_b"), ("task", "d")}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("worker.level", ["low", "high", "flag", "none", "text"]),
        ("worker.level ASC", ["low", "high", "flag", "none", "text"]),
        (" worker.level  desc ", ["high", "low", "flag", "none", "text"]),
        ("worker.deep.x[0] DESC, worker.level", ["text", "low", "high", "flag", "none"]),
        ("worker.988ENsk DESC", ["flag", "none", "text", "low", "high"]),
    ],
)
def test_workers_are_ordered_by_numbers_and_what_is_none_is_last(
    text: str, names: list[str]
) -> None:
    workers: dict[str, dict[str, Any]] = {
        "flag": {"level": True},
        "none": {},
        "text": {"level": "9", "deep": {"x": [1]}},
        "low": {"level": -1},
        "high": {"level": 2.5},
    }
    columns = parse_order(text)
    assert sorted(workers, key=lambda name: rank(columns, Scope(worker=workers[name]))) == names


NO_ORDERS = [
    *("", "level", "worker", "workers.a", "worker.a DESC worker.b", "worker.a,,worker.b"),
    "worker.skill-level DESC",
]


@pytest.mark.parametrize("text", NO_ORDERS)
def test_what_is_no_order_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_order(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("task.a.b[2]", ("task", "a", "b", 2)),
        ("task.1st", ("task", "1st")),
        ("task", ("task",)),
        ("", None),
        ("a b", None),
    ],
)
def test_a_reference_is_a_dotted_name(text: str, path: object) -> None:
    assert parse_reference(text) == path


@pytest.mark.parametrize(
    "text", ["a-b == 1", "worker.skill-level > 3", "1==1 OR levels.988-x HAS 1", "in-side == 1"]
)
def test_a_name_with_a_hyphen_is_an_error_that_quotes_it(text: str) -> None:
    with pytest.raises(
        ExpressionError, match=r"the name '[\w.]+-\w+' at character \d+ has a hyphen"
    ):
        parse(text)
    with pytest.raises(ExpressionError, match="has a hyphen"):
        parse_reference("task.agent-sid")


def test_a_quoted_text_may_have_a_hyphen() -> None:
    assert parse("a == 'x-y' AND 'x-y' IN [\"x-y\"]").test({"a": "x-y"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "language",
        "language ==",
        "== 1",
        "language == 'en' fr",
        "(1==1",
        "1==1)",
        "language == 'en",
        "language NOT 'en'",
        "language NOT == 'en'",
        "NOT language == 'en'",
        "language IN ['a',",
        "language IN ['a' 'b']",
        "language IN ('a')",
        "language IN [['a']]",
        "language & 1",
        "language AND rating",
        "language == AND",
        "language 'x' 'y'",
        "1==1 AND",
        "OR 1==1",
        "a..b == 1",
        "language == en[",
        "1.2.3 == 1",
        "5. == 5",
        "a.b.[0] == 1",
        "x - 1 == 1",
        "x == " + "9" * 400,
        "(" * 51 + "1==1" + ")" * 51,
        "(" * 100_000,
    ],
)
def test_what_is_no_expression_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_parentheses_nest_fifty_deep() -> None:
    assert parse("(" * 50 + "1==1" + ")" * 50).test({})


def test_a_chain_may_be_longer_than_the_stack() -> None:
    assert parse(" AND ".join(["1==1"] * 5000)).test({})
    assert not parse(" OR ".join(["1==2"] * 5000)).test({})


def test_a_conjunction_tells_by_which_values_it_can_be_looked_up() -> None:
    lookups = parse("(a == 'x' AND b IN [1, true]) AND c > 1 AND 1==1").lookups
    assert [(lookup.name, lookup.keys) for lookup in lookups] == [
        ("a", {"x"}),
        ("b", {1, ("truth", True)}),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a == 'x' OR b == 'y'",
        "a == null",
        "a IN ['x', null]",
        "a.b == 'x'",
        "a != 1",
        "'x' == a",
        "a == ['x']",
        "a == b",
        "a IN b",
        "a NOT IN [1]",
    ],
)
def test_what_may_be_true_without_a_value_has_no_lookup(text: str) -> None:
    assert parse(text).lookups == ()


@given(st.text(max_size=60) | st.text("ab=<>!()[]'\"\\,. 1ANDORINHS-", max_size=60))
def test_no_text_raises_anything_but_an_expression_error(text: str) -> None:
    try:
        result = parse(text).test(ATTRIBUTES)
    except ExpressionError:
        return
    assert result in (True, False)


@given(st.text(max_size=20))
def test_a_quoted_text_means_itself(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'a == "{escaped}"').test({"a": text})
