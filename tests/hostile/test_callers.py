"""Arguments of callers: they arrive as they were meant, or are refused before anything is sent."""

import inspect
import math
from collections.abc import AsyncIterator, Callable, Iterator
from enum import Enum
from typing import Any
from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiotask import Client, StatusError
from aiotask._checks import Identifier, Sid
from aiotask._encoding import _plan
from aiotask._paging import Listing
from aiotask.expression import literal
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.conftest import ACCOUNT, AT_ONCE, answer
from tests.hostile.calls import SHOWN
from tests.test_contract import DOCUMENTED, PLACES, SIDS, at, fitting, shape_of, ways
from tests.test_refusals import own

Serve = Callable[..., Any]

WORKSPACE, TASK = SIDS["WS"], SIDS["WT"]
GIVEN = Client(ACCOUNT, "token")
TITLES = [tuple(title.split()) for title in DOCUMENTED]


class Loud(str):
    """A text that shows something else than it holds, as the members of enumerations do."""

    __slots__ = ()

    def __str__(self) -> str:
        return "../../x"

    def __format__(self, _: str) -> str:
        return "../../x"


def methods_with(parameter: str) -> Iterator[tuple[str, str]]:
    """Yield the way to each method in the tree that takes this, and its name."""
    for root in (GIVEN.taskrouter, GIVEN.autopilot):
        for way, place in ways(root):
            for name, method in inspect.getmembers(place, inspect.ismethod):
                if name[0] != "_" and parameter in inspect.signature(method).parameters:
                    yield way, name


BY_SID = list(methods_with("sid"))


async def asked(place: Any, name: str, *given: Any, **fields: Any) -> Any:
    """Call a method, with something harmless for all else that it has to have."""
    method = getattr(place, name)
    parameters = list(inspect.signature(method).parameters.values())
    needed = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    if not given and any(each.name == "sid" for each in needed):
        given = (own(place),)
    more: list[Any] = [
        (lambda _: {}) if each.name == "change" else "done" for each in needed[len(given) :]
    ]
    called = method(*given, *more, **fields)
    return await (called.all() if isinstance(called, Listing) else called)


def no_identifiers(kind: Sid | Identifier, sid: str) -> list[Any]:
    """Return what is neither a sid of a kind nor, where those are allowed, a name."""
    values: list[Any] = [
        "", "a" * 10_000, f"{sid}\n", f"\n{sid}", f"{sid}\0", f"{sid[:-1]}\r", f"{sid[:-1]}\ud800",
        Loud(f"{sid}\n"), None, 5, True, 1.5, sid.encode(), (sid,), {sid}, "AC" + "a" * 32,
    ]  # fmt: skip
    if isinstance(kind, Identifier):
        return [*values, ".", "..", "....", "a\u202eb", "a\u2028b", "a\x85b"]
    return [
        *values, "../../Workers/WK1", f"{sid[:3]}?x=1#", "%2e%2e/Workers", "a/b", f"{sid} ",
        f" {sid}", f"{sid}/", f"{sid}?a=b", f"{sid}#a", f"{sid[:-1]}٣", f"{sid[:-1]}\uff11",
        f"{sid[:2].lower()}{sid[2:]}", f"{sid[:-1]}g", sid[:-1], f"{sid}0", Loud("../x"),
    ]  # fmt: skip


@pytest.mark.parametrize(("way", "name"), BY_SID)
async def test_no_method_takes_what_is_no_sid_of_its_own(serve: Serve, way: str, name: str) -> None:
    server, client = await serve(answer())
    place = at(client, way)
    others = [other for other in SIDS.values() if other[:2] != own(place)[:2]]
    for wrong in [*no_identifiers(place.sid, own(place)), *others]:
        with pytest.raises(ValueError, match=r"^sid: must ") as caught:
            await asked(place, name, wrong)
        assert len(str(caught.value)) < 250
    assert server.connections == 0


@pytest.mark.parametrize("step", PLACES)
def test_no_place_takes_what_is_no_sid_of_its_own(step: str) -> None:
    assistant = step == "assistant"
    above: Any = GIVEN.autopilot if assistant else GIVEN.taskrouter
    if not assistant and step != "workspace":
        above = above.workspace(WORKSPACE)
    kind = Identifier("UA") if assistant else Sid(PLACES[step])
    for wrong in no_identifiers(kind, SIDS[PLACES[step]]):
        with pytest.raises(ValueError, match=r"^sid: must "):
            getattr(above, step)(wrong)


STRANGE = [
    "a/b", "../../Workers", "%2e%2e", "%2E%2E%2Fa", "a?x=1#b", "a;b=c&d", " a ", "a+b", "\\..\\",
    "Zoë", "\U0001d518\u0661", "'\"", Loud("a b"), "x" * 64,
]  # fmt: skip
NAMED = [(way, name) for way, name in BY_SID if isinstance(at(GIVEN, way).sid, Identifier)]


@pytest.mark.parametrize(("way", "name"), NAMED)
async def test_a_strange_name_stays_one_segment_of_a_path(
    serve: Serve, way: str, name: str
) -> None:
    server, client = await serve(answer(b'{"sid":"XX"}'))
    place = at(client, way)
    for strange in STRANGE:
        await asked(place, name, strange)
        target = server.requests[-1].split(b" ")[1].decode()
        assert target.startswith(f"{place._url.raw_path}/")
        segment = target.removeprefix(f"{place._url.raw_path}/")
        assert not set(segment) & set("/?#\\;")
        assert unquote(segment) == "".join(strange)


# A create once asks for the list and the events before it takes a key for free.
NO_EVENTS = answer(b'{"events":[],"meta":{"key":"events"}}')


async def test_a_member_of_an_enumeration_is_what_it_holds_wherever_it_is_used(
    serve: Serve,
) -> None:
    page = answer(b'{"tasks":[],"meta":{"key":"tasks"}}')
    server, client = await serve(answer(SHOWN), answer(SHOWN), page, page, NO_EVENTS, answer(SHOWN))
    tasks = client.taskrouter.workspace(Loud(WORKSPACE)).tasks
    await tasks.fetch(Loud(TASK))
    await tasks.update(Loud(TASK), if_match=Loud('"3"'), reason=Loud("done"))
    await tasks.list(cursor=Loud("a=b")).all()
    await tasks.create(once=Loud("order"), attributes={"a": Loud("b")})
    sent = unquote_plus(b"".join(server.requests).decode())
    for part in (
        f"{WORKSPACE}/Tasks/{TASK} ", 'If-Match: "3"', "Reason=done", "Tasks?a=b ",
        'aiotask_key IN ["order"]', '{"a":"b","aiotask_key":"order"',
    ):  # fmt: skip
        assert part in sent
    assert ".." not in sent
    assert literal(Loud("x")) == '"x"'


class Odd(Enum):
    NOTHING = math.nan


ENDLESS: dict[str, Any] = {}
ENDLESS["again"] = [ENDLESS]
NONSENSE: list[Any] = [
    None, object(), b"5", "\ud800", "a\udfff", math.nan, {"a": math.nan}, {"a": [-math.inf]}, [[]],
    {1: 2}, {"a": "\ud800"}, {"\ud800": 1}, {"a": object()}, {"a": b"b"}, 1j, {"a": Odd.NOTHING},
    {"a": 10**5000}, ENDLESS,
]  # fmt: skip


@pytest.mark.parametrize(("way", "name"), TITLES)
async def test_no_field_takes_what_cannot_be_sent(serve: Serve, way: str, name: str) -> None:
    server, client = await serve(answer())
    place = at(client, way)
    shape = shape_of(getattr(place, name))
    for field, plan in _plan(shape).fields.items() if shape else ():
        sids = (each for each in plan.value_checks if isinstance(each, Sid | Identifier))
        kind = next(sids, None)
        for value in [*NONSENSE, *(no_identifiers(kind, fitting(kind)) if kind else ())]:
            with pytest.raises(ValueError, match=rf"^{field}(: |[.\[])"):
                await asked(place, name, **{field: [value] if plan.many else value})
    assert server.connections == 0


NO_HEADERS: list[Any] = ["", "a\r\nX: 1", "a\n", "\r", "\0", "é", "\ud800", "\x7f", b"3", 5]
NO_CURSORS: list[Any] = ["", "a b", "a\r\nX: 1", "a#b", "é", "\0", "\ud800", b"a", 5]


@pytest.mark.parametrize(
    ("way", "name", "parameter"),
    [(*found, kind) for kind in ("if_match", "cursor") for found in methods_with(kind)],
)
async def test_no_header_and_no_cursor_ends_its_line(
    serve: Serve, way: str, name: str, parameter: str
) -> None:
    server, client = await serve(answer())
    for wrong in NO_HEADERS if parameter == "if_match" else NO_CURSORS:
        with pytest.raises((ValueError, TypeError)):
            await asked(at(client, way), name, **{parameter: wrong})
    assert server.connections == 0


TEXTS = {
    "line ends": "a\r\nb\rc\nd\t",
    "NUL": "a\0b",
    "what divides forms": "a&b=c+d%26e;f#g?h",
    "percent": "%00%2F%zz100%",
    "quotes": "'\"`\\",
    "spaces": "  a  b  ",
    "not ASCII": "Zoë ١٢٣ \uff21\uff11 e\u0301\u0301",
    "emoji": "👩\u200d👩\u200d👧🏳\ufe0f\u200d🌈\U0001d54f",
    "right to left": "\u202eabc\u200f שלום",
    "separators": "\u2028\u2029\x85\ufeff\x7f\x1f",
    "an expression": 'x" OR 1==1 OR "',
    "the longest name": "👩&" * 32,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_a_text_makes_the_way_there_and_back_in_form_query_and_json(
    workspace: WorkspaceContext, text: str
) -> None:
    task = await workspace.tasks.create(attributes={text: [text]})
    changed = await workspace.tasks.update(task.sid, reason=text)
    assert (changed.reason, changed.attributes) == (text, {text: [text]})
    mine = await workspace.activities.create(friendly_name=text)
    await workspace.activities.create(friendly_name=f"{text[1:]}x")
    found = await workspace.activities.list(friendly_name=text).all()
    assert [(each.sid, each.friendly_name) for each in found] == [(mine.sid, text)]


async def test_200_kilobytes_make_the_way_in_a_form_and_end_a_query_with_an_error(
    workspace: WorkspaceContext,
) -> None:
    text = "é&=%\n\0👩" * 20_000
    task = await workspace.tasks.create()
    assert (await workspace.tasks.update(task.sid, reason=text)).reason == text
    with pytest.raises(StatusError):
        await workspace.tasks.list(workflow_name=text).all()


HAVE_ATTRIBUTES = [
    (way, name) for way, name in TITLES if "Attributes:j" in DOCUMENTED[f"{way} {name}"].parameters
]


@pytest.mark.parametrize(("way", "name"), HAVE_ATTRIBUTES)
@pytest.mark.parametrize("letter", ["x", "é", "👩"])
async def test_attributes_of_4096_characters_are_sent_and_one_more_is_not(
    serve: Serve, way: str, name: str, letter: str
) -> None:
    server, client = await serve(answer(b'{"sid":"XX"}'))
    needed = {"friendly_name": "x"} if way == "workspace.workers" and name == "create" else {}
    await asked(at(client, way), name, attributes={"a": letter * 4088}, **needed)
    with pytest.raises(ValueError, match="attributes: must have at most 4096 characters"):
        await asked(at(client, way), name, attributes={"a": letter * 4089}, **needed)
    assert len(server.requests) == 1


@pytest.fixture
async def quick() -> AsyncIterator[WorkspaceContext]:
    """Give a workspace where lists by expression are asked for as fast as they are answered."""
    async with (
        Sandbox(expression_rate=None) as sandbox,
        Client(
            sandbox.account_sid, sandbox.auth_token, base_url=sandbox.url, retry=AT_ONCE
        ) as client,
    ):
        workspace = client.taskrouter.workspace(sandbox.create_workspace("Support"))
        client._session.lane(f"list by expression {workspace.tasks._operations}", math.inf)
        yield workspace


SYNTAX = " =!<>()[],.x1ORANDINHS"
HOSTILE = st.text(f"'{SYNTAX}", max_size=12) | st.text(f'"{SYNTAX}', max_size=12)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = st.text("aA0_.:@+-", min_size=1, max_size=4)
patiently = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@patiently
@given(text=HOSTILE | ANY | st.sampled_from([*TEXTS.values()]))
async def test_an_expression_finds_what_has_the_text_and_nothing_else(
    quick: WorkspaceContext, text: str
) -> None:
    try:
        written = literal(text)
    except ValueError:
        return
    for name in (text, f"{text}x", [text], text.swapcase()):
        await quick.tasks.create(attributes={"name": name})
    everything = await quick.tasks.list(page_size=1000).all()
    found = quick.tasks.list(evaluate_task_attributes=f"name == {written}", page_size=1000)
    there = {task.sid for task in everything if task.attributes.get("name") == text}
    assert {task.sid async for task in found} == there


@patiently
@given(key=KEYS)
async def test_a_key_finds_the_task_that_has_it_and_no_other(
    quick: WorkspaceContext, key: str
) -> None:
    for other in ([key], key.swapcase() + "x", f"{key} ", None):
        await quick.tasks.create(attributes={"aiotask_key": other})
    one = await quick.tasks.create(once=key)
    quick._session.once._results.clear()  # as another process would ask
    again = await quick.tasks.create(once=key, priority=7)
    assert (again.sid, again.attributes["aiotask_key"]) == (one.sid, key)
    everything = await quick.tasks.list(page_size=1000).all()
    assert [task.sid for task in everything if task.attributes.get("aiotask_key") == key] == [
        one.sid
    ]


STRANGERS = ['{"aiotask_key":"Order_17"}', '{"aiotask_key":17}', "{}", "no JSON", "[]"]


@pytest.mark.parametrize("attributes", STRANGERS)
async def test_a_list_that_shows_somebody_elses_task_is_not_taken_for_the_keys_own(
    serve: Serve, attributes: str
) -> None:
    shown = attributes.replace('"', '\\"').encode()
    listed = answer(
        b'{"tasks":[{"sid":"WT%b","attributes":"%b"}],"meta":{"key":"tasks"}}' % (b"9" * 32, shown)
    )
    made = (answer(SHOWN, "201 Created"), answer(SHOWN))
    server, client = await serve(listed, NO_EVENTS, *made)
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    assert (await tasks.create(once="order_17")).sid != "WT" + "9" * 32
    assert [request[:4] for request in server.requests] == [b"GET ", b"GET ", b"POST", b"GET "]
