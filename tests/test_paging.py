"""Listings: how many pages are asked for, when, from where, and what ends them."""

import asyncio
import gc
import itertools
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

import aiotask
from aiotask import AiotaskError, Client, ClientStateError, PageCycleError, UnsafeNextPageError
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import Task, Tasks, WorkspaceContext
from tests.conftest import ACCOUNT, AT_ONCE, Canned, RawServer, answer

Serve = Callable[..., Awaitable[tuple[RawServer, Client]]]

WORKSPACE = "WS" + "1" * 32
HOST = "https://taskrouter.twilio.com"
PATH = f"/v1/Workspaces/{WORKSPACE}/Tasks"


def tasks_of(client: Client) -> Tasks:
    return client.taskrouter.workspace(WORKSPACE).tasks


def page(following: Any, *sids: str, **meta: Any) -> dict[str, Any]:
    rows = [{"sid": sid} for sid in sids]
    return {"tasks": rows, "meta": {"key": "tasks", "next_page_url": following} | meta}


async def fill(workspace: WorkspaceContext, count: int) -> list[str]:
    return [(await workspace.tasks.create(priority=n % 3)).sid for n in range(count)]


def asked(sandbox: Sandbox) -> int:
    return sandbox.requests["GET Tasks"]


@pytest.mark.parametrize(
    ("limit", "page_size", "found", "requests"),
    [
        (None, None, 120, 3),
        (None, 40, 120, 3),
        (None, 119, 120, 2),
        (None, 1000, 120, 1),
        (0, None, 0, 0),
        (0, 10, 0, 0),
        (1, None, 1, 1),
        (50, None, 50, 1),
        (51, None, 51, 2),
        (80, 40, 80, 2),
        (81, 40, 81, 3),
        (120, 40, 120, 3),
        (500, 60, 120, 2),
    ],
)
async def test_no_page_is_asked_for_beyond_what_the_limit_needs(
    sandbox: Sandbox,
    workspace: WorkspaceContext,
    limit: int | None,
    page_size: int | None,
    found: int,
    requests: int,
) -> None:
    sids = await fill(workspace, 120)
    listing = workspace.tasks.list(limit=limit, page_size=page_size)
    for n in (1, 2):  # iterating again asks again
        assert [task.sid async for task in listing] == sids[:found]
        assert asked(sandbox) == n * requests
    assert [task.sid for task in await listing.all()] == sids[:found]


@pytest.mark.parametrize(
    ("limit", "page_size", "size"),
    [(None, None, "50"), (20, None, "20"), (70, None, "50"), (20, 7, "7"), (None, 1000, "1000")],
)
async def test_the_page_size_is_fifty_or_the_limit_where_that_is_smaller(
    far_client: Client, canned: Canned, limit: int | None, page_size: int | None, size: str
) -> None:
    canned.get(f"{HOST}{PATH}?PageSize={size}", payload=page(None))
    assert await tasks_of(far_client).list(limit=limit, page_size=page_size).all() == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": -1}, {"limit": 1.5}, {"limit": True}, {"limit": "5"}, {"page_size": 0},
        {"page_size": 1001}, {"page_size": -3}, {"cursor": "a b"}, {"cursor": "a\r\nb"},
        {"cursor": "a#b"}, {"assignment_status": []},
    ],
)  # fmt: skip
async def test_what_cannot_be_right_is_refused_at_the_call(
    far_client: Client, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))}: must"):
        tasks_of(far_client).list(**arguments)


async def test_a_misspelt_filter_is_a_type_error_at_the_call(far_client: Client) -> None:
    with pytest.raises(TypeError, match="did you mean 'priority'"):
        tasks_of(far_client).list(priorty=5)  # type: ignore[call-arg]  # misspelt on purpose


async def test_pages_carry_cursors_that_go_on_in_another_process(
    workspace: WorkspaceContext,
) -> None:
    sids = await fill(workspace, 25)
    cursors, seen = [], []
    listing = workspace.tasks.list(page_size=10)
    async for found in listing.pages():
        seen.append([task.sid for task in found.items])
        cursors.append(found.cursor)
    assert seen == [sids[:10], sids[10:20], sids[20:]]
    assert cursors[2] is None
    rest = workspace.tasks.list(cursor=cursors[0], limit=3)
    assert [task.sid async for task in rest] == sids[10:13]
    larger = workspace.tasks.list(cursor=cursors[0], page_size=100)
    assert [task.sid async for task in larger] == sids[10:]


async def test_a_cursor_keeps_its_filters_and_takes_new_ones(workspace: WorkspaceContext) -> None:
    sids = await fill(workspace, 12)
    first = await anext(workspace.tasks.list(priority=1, page_size=2).pages())
    assert [task.sid for task in first.items] == [sids[1], sids[4]]
    rest = workspace.tasks.list(cursor=first.cursor)
    assert [task.sid async for task in rest] == [sids[7], sids[10]]
    other = workspace.tasks.list(cursor=first.cursor, priority=2)
    assert [task.sid async for task in other] == [sids[5], sids[8], sids[11]]


async def test_a_page_that_the_limit_cuts_short_leads_to_itself(
    workspace: WorkspaceContext,
) -> None:
    sids = await fill(workspace, 10)
    pages = [found async for found in workspace.tasks.list(page_size=4, limit=6).pages()]
    assert [len(found.items) for found in pages] == [4, 2]
    rest = workspace.tasks.list(cursor=pages[1].cursor)
    assert [task.sid async for task in rest] == sids[4:]
    whole = [found async for found in workspace.tasks.list(page_size=4, limit=8).pages()]
    rest = workspace.tasks.list(cursor=whole[1].cursor)
    assert [task.sid async for task in rest] == sids[8:]


async def test_the_next_page_is_on_its_way_while_one_is_consumed(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    await fill(workspace, 30)
    pages = workspace.tasks.list(page_size=10).pages()
    await anext(pages)
    while asked(sandbox) < 2:
        await asyncio.sleep(0)
    await anext(pages)
    while asked(sandbox) < 3:
        await asyncio.sleep(0)
    await pages.aclose()


async def test_a_page_is_let_go_before_the_next_one_is_decoded(
    client: Client, workspace: WorkspaceContext
) -> None:
    await fill(workspace, 30)
    alive = []

    def count(*_: object) -> None:
        alive.append(sum(type(each) is Task for each in gc.get_objects()))

    gc.collect()
    client._session.hooks.add(on_response=count)
    async for _ in workspace.tasks.list(page_size=10):
        pass
    # The last one of a page is still the loop's.
    assert [each - alive[0] for each in alive] == [0, 1, 1]


async def test_leaving_early_leaves_nothing_behind(
    sandbox: Sandbox, client: Client, workspace: WorkspaceContext
) -> None:
    await fill(workspace, 30)
    async for _ in workspace.tasks.list(page_size=10):
        sandbox.faults.next("GET", "/Tasks", "before_hang")  # the second page, under way by now
        while asked(sandbox) < 2:
            await asyncio.sleep(0)
        break
    while client._session.background._running:
        await asyncio.sleep(0)
    gc.collect()
    assert sandbox.injected["before_hang"] == 1


async def test_closing_the_client_ends_what_a_listing_had_under_way(serve: Serve) -> None:
    first = msgspec.json.encode(page(f"{PATH}?PageToken=PA1", "WT1"))
    server, client = await serve(answer(first), "hang")
    pages = tasks_of(client).list().pages()
    await anext(pages)
    while len(server.requests) < 2:
        await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ClientStateError, match="is closed"):
        await anext(pages)


async def test_a_page_that_fails_unseen_warns_nobody(serve: Serve) -> None:
    first = msgspec.json.encode(page(f"{PATH}?PageToken=PA1", "WT1"))
    server, client = await serve(answer(first), answer(b"no", "400 Bad Request"))
    pages = tasks_of(client).list().pages()
    await anext(pages)
    while client._session.background._running:
        await asyncio.sleep(0)
    await pages.aclose()
    gc.collect()
    assert len(server.requests) == 2


UNSAFE = [
    "http://localhost:evil/steal",
    f"https://taskrouter.twilio.com:8443{PATH}?PageToken=PA1",
    f"https://taskrouter.twilio.com:80{PATH}?PageToken=PA1",
    f"http://taskrouter.twilio.com:8080{PATH}?PageToken=PA1",
    f"https://taskrouter.dublin.ie1.twilio.com:8443{PATH}?PageToken=PA1",
    f"https://user@taskrouter.dublin.ie1.twilio.com{PATH}?PageToken=PA1",
    f"ws://taskrouter.twilio.com{PATH}?PageToken=PA1",
    f"https://autopilot.twilio.com{PATH}?PageToken=PA1",
    f"https://twilio.com{PATH}?PageToken=PA1",
    f"https://taskrouter.twilio.com.{PATH}?PageToken=PA1",
    f"https://taskroutertwilio.com{PATH}?PageToken=PA1",
    f"https://xtaskrouter.twilio.com{PATH}?PageToken=PA1",
    f"https://evil.taskrouter.twilio.com{PATH}?PageToken=PA1",
    f"https://taskrouter..twilio.com{PATH}?PageToken=PA1",
    f"https://taskrouter.a.b.c.twilio.com{PATH}?PageToken=PA1",
    f"https://taskrouter.dublin.ie1.twilio.com.evil.example{PATH}?PageToken=PA1",
    f"https://taskrouter.dublin.ie1.eviltwilio.com{PATH}?PageToken=PA1",
    f"https://taskrouter.dublin%2eie1.twilio.com{PATH}?PageToken=PA1",
    f"{HOST}/proxy{PATH}?PageToken=PA1",
    f"//evil.example{PATH}?PageToken=PA1",
    f"https://user@evil.example{PATH}?PageToken=PA1",
    f"https://user:pass@taskrouter.twilio.com{PATH}?PageToken=PA1",
    f"https://@taskrouter.twilio.com{PATH}?PageToken=PA1",
    f"https://taskrouter.twilio.com.evil.example{PATH}?PageToken=PA1",
    f"https://taskrouter.tw\u0456lio.com{PATH}?PageToken=PA1",
    f"https://xn--taskrouter-.com{PATH}?PageToken=PA1",
    f"https://taskrouter.twilio.com\\@evil.example{PATH}?PageToken=PA1",
    f"http://169.254.169.254{PATH}?PageToken=PA1",
    f"file://{PATH}?PageToken=PA1",
    f"{HOST}/v1/Accounts?PageToken=PA1",
    f"{HOST}{PATH}/../Workers?PageToken=PA1",
    f"{HOST}{PATH}/?PageToken=PA1",
    f"{HOST}{PATH}s?PageToken=PA1",
    f"{HOST}{PATH}?PageToken=PA1#x",
    f"{HOST}{PATH}?PageToken=PA1\r\nX-Evil: 1",
    f"{HOST}{PATH}?PageToken=PA 1",
    f"{HOST}{PATH}?PageToken=\x00",
    "/v1/Workers?PageToken=PA1",
    "https://[::1?PageToken=PA1",
    " ",
]


@pytest.mark.parametrize("url", UNSAFE)
async def test_a_next_page_elsewhere_is_never_asked_for(
    far_client: Client, canned: Canned, url: str
) -> None:
    canned.get(f"{HOST}{PATH}?PageSize=50", payload=page(url, "WT1"))
    seen = []
    with pytest.raises(UnsafeNextPageError) as caught:
        async for task in tasks_of(far_client).list():
            seen.append(task.sid)
    assert seen == ["WT1"]
    assert len(canned.requests) == 1
    error = caught.value
    assert (error.url, error.cursor) == (f"{HOST}{PATH}", "PageSize=50")


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}{PATH}?PageToken=PA1",
        f"https://TASKROUTER.twilio.com{PATH}?PageToken=PA1",
        f"https://taskrouter.twilio.com:443{PATH}?PageToken=PA1",
        f"//taskrouter.twilio.com{PATH}?PageToken=PA1",
        f"http://taskrouter.twilio.com{PATH}?PageToken=PA1",
        f"http://taskrouter.twilio.com:443{PATH}?PageToken=PA1",
        f"https://taskrouter.dublin.ie1.twilio.com{PATH}?PageToken=PA1",
        f"https://taskrouter.dublin.ie1.twilio.com:443{PATH}?PageToken=PA1",
        f"https://Taskrouter.IE1.Twilio.com{PATH}?PageToken=PA1",
        f"https://taskrouter.sao-paulo.br1.twilio.com{PATH}?PageToken=PA1",
        f"{PATH}?PageToken=PA1",
        "?PageToken=PA1",
        "Tasks?PageToken=PA1",
    ],
)
async def test_a_next_page_at_the_same_place_is_followed_however_it_is_written(
    far_client: Client, canned: Canned, url: str
) -> None:
    canned.get(f"{HOST}{PATH}?PageSize=50", payload=page(url, "WT1"))
    canned.get(f"{HOST}{PATH}?PageToken=PA1", payload=page(None, "WT2"))
    assert [task.sid async for task in tasks_of(far_client).list()] == ["WT1", "WT2"]


PROXIES = ["https://proxy.example:8443/twilio", "https://proxy.example:8443/v1/Workspaces2"]


@pytest.mark.parametrize("base", PROXIES)
@pytest.mark.parametrize(
    "place",
    [
        "{base}{path}",
        "http://proxy.example:8443/{prefix}{path}",
        "https://proxy.example:8443{path}",
        "http://proxy.example{path}",
        "https://PROXY.example/{prefix}{path}",
        "https://taskrouter.twilio.com{path}",
        "https://taskrouter.dublin.ie1.twilio.com{path}",
        "//taskrouter.twilio.com{path}",
        "{path}",
        "/{prefix}{path}",
        "Tasks",
        "",
    ],
)
async def test_behind_a_proxy_the_query_of_a_next_page_is_all_that_counts(
    canned: Canned, base: str, place: str
) -> None:
    prefix = base.partition("8443/")[2]
    url = place.format(base=base, path=PATH, prefix=prefix)
    canned.get(f"{base}{PATH}?PageSize=50", payload=page(f"{url}?PageToken=PA1", "WT1"))
    canned.get(f"{base}{PATH}?PageToken=PA1", payload=page(None, "WT2"))
    async with Client(ACCOUNT, "token", base_url=base, retry=AT_ONCE) as client:
        assert [task.sid async for task in tasks_of(client).list()] == ["WT1", "WT2"]


@pytest.mark.parametrize("base", PROXIES)
@pytest.mark.parametrize(
    "place",
    [
        f"https://proxy.example:9443{PATH}",
        f"https://user@proxy.example:8443{PATH}",
        f"https://evil.example:8443{PATH}",
        f"https://proxy.example.evil.example{PATH}",
        f"https://proxy.example:8443/other{PATH}",
        f"https://proxy.example:8443{PATH}/WT1/Reservations",
        f"https://taskrouter.twilio.com:8443{PATH}",
        f"https://taskrouter.twilio.com/other{PATH}",
        f"https://autopilot.twilio.com{PATH}",
        f"ftp://proxy.example{PATH}",
        "/v1/Workspaces/WS22222222222222222222222222222222/Tasks",
    ],
)
async def test_behind_a_proxy_a_next_page_elsewhere_is_refused_too(
    canned: Canned, base: str, place: str
) -> None:
    canned.get(f"{base}{PATH}?PageSize=50", payload=page(f"{place}?PageToken=PA1", "WT1"))
    async with Client(ACCOUNT, "token", base_url=base, retry=AT_ONCE) as client:
        with pytest.raises(UnsafeNextPageError):
            await tasks_of(client).list().all()
    assert len(canned.requests) == 1


async def test_autopilot_has_hosts_of_its_own(canned: Canned) -> None:
    base, path = "https://proxy.example", "/v1/Assistants/v1/Tasks"
    async with Client(ACCOUNT, "token", base_url=base, retry=AT_ONCE) as client:
        tasks = client.autopilot.assistant("v1").tasks
        for host in ("autopilot.twilio.com", "taskrouter.twilio.com"):
            url = f"https://{host}{path}?PageToken=PA1"
            canned.get(f"{base}{path}?PageSize=50", payload=page(url))
        canned.get(f"{base}{path}?PageToken=PA1", payload=page(None, "UD1"))
        assert [task.sid for task in await tasks.list().all()] == ["UD1"]
        with pytest.raises(UnsafeNextPageError):
            await tasks.list().all()


@pytest.mark.parametrize(
    "document",
    [
        page(None, "WT1"),
        page("", "WT1"),
        {"tasks": [{"sid": "WT1"}], "meta": {"key": "tasks"}},
        {"tasks": [{"sid": "WT1"}], "meta": None},
        {"tasks": [{"sid": "WT1"}]},
    ],
)
async def test_a_page_without_a_next_one_is_the_last(
    far_client: Client, canned: Canned, document: Any
) -> None:
    canned.get(f"{HOST}{PATH}?PageSize=50", payload=document)
    assert [task.sid async for task in tasks_of(far_client).list()] == ["WT1"]


@pytest.mark.parametrize(
    "document",
    [
        page(5, "WT1"),
        page(["x"], "WT1"),
        {"meta": {"key": "tasks"}},
        {"tasks": {}, "meta": {"key": "tasks"}},
        {"tasks": [], "meta": {"key": 5}},
        {"tasks": [], "meta": "x"},
        {"tasks": [], "other": []},
        {"tasks": [5], "meta": {"key": "tasks"}},
        {"tasks": [{"sid": 5}], "meta": {"key": "tasks"}},
        {"tasks": [{}], "meta": {"key": "tasks"}},
    ],
)
async def test_a_page_that_is_not_as_documented_is_a_decoding_error(
    far_client: Client, canned: Canned, document: Any
) -> None:
    canned.get(f"{HOST}{PATH}?PageSize=50", payload=document)
    with pytest.raises(aiotask.DecodingError, match="not a page of Task as documented"):
        await tasks_of(far_client).list().all()


@pytest.mark.parametrize(
    "trail",
    [
        ["PageSize=50"],
        ["PageToken=A", "PageToken=A"],
        ["PageToken=A", "PageToken=B", "PageToken=A"],
        ["Page=1&PageToken=A", "Page=2&PageToken=A"],
    ],
)
async def test_a_listing_that_leads_back_ends_with_an_error(
    far_client: Client, canned: Canned, trail: list[str]
) -> None:
    here = "PageSize=50"
    for n, following in enumerate(trail):
        canned.get(f"{HOST}{PATH}?{here}", payload=page(f"{PATH}?{following}", f"WT{n}"))
        here = following
    seen = []
    with pytest.raises(PageCycleError):
        async for task in tasks_of(far_client).list():
            seen.append(task.sid)
    assert seen == [f"WT{n}" for n in range(len(trail))]


async def test_thousands_of_empty_pages_neither_recurse_nor_grow(serve: Serve) -> None:
    count = 0

    def empty(_: bytes) -> bytes:
        nonlocal count
        count += 1
        last = page(None, "WT1")
        return answer(msgspec.json.encode(last if count > 3000 else page(f"?PageToken=PA{count}")))

    _, client = await serve(empty)
    blocks, sids = [], []
    async for found in tasks_of(client).list().pages():
        sids += [task.sid for task in found.items]
        if count in {1000, 2500}:
            gc.collect()
            blocks.append(sys.getallocatedblocks())
    assert sids == ["WT1"]
    assert blocks[1] - blocks[0] < 300


async def test_empty_pages_without_end_are_an_error_at_last(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiotask._paging._MOST_EMPTY_PAGES", 20)
    tokens = itertools.count()

    def empty(_: bytes) -> bytes:
        return answer(msgspec.json.encode(page(f"?PageToken=PA{next(tokens)}")))

    _, client = await serve(empty)
    with pytest.raises(aiotask.ProtocolError, match="20 empty pages in a row"):
        await tasks_of(client).list().all()


async def test_an_error_in_the_middle_leads_to_where_it_happened(
    sandbox: Sandbox, workspace: WorkspaceContext
) -> None:
    sids = await fill(workspace, 30)
    seen: list[str] = []
    with pytest.raises(AiotaskError) as caught:
        async for task in workspace.tasks.list(page_size=10):
            if not seen:
                for _ in range(5):
                    sandbox.faults.next("GET", "/Tasks", "before_500")
            seen.append(task.sid)
    assert seen == sids[:10]
    rest = workspace.tasks.list(cursor=caught.value.cursor)
    assert [task.sid async for task in rest] == sids[10:]
