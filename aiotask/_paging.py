"""Listing: resources fetched page by page while they are consumed, from one path only."""

import asyncio
import re
from array import array
from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Generic, NamedTuple, TypedDict, TypeVar
from urllib.parse import parse_qsl

import attrs
from yarl import URL

from aiotask._answers import Answer
from aiotask._bodies import decode_page
from aiotask._checks import plain
from aiotask._encoding import UNSENT, Pairs, urlencoded
from aiotask._rate_limiter import RateLimiter
from aiotask._session import Session
from aiotask._verbs import LIST
from aiotask.errors import (
    AiotaskError,
    AnswerError,
    PageCycleError,
    ProtocolError,
    UnsafeNextPageError,
)

R = TypeVar("R")

# Documented: PageSize defaults to 50 and is 1,000 at the most.
_DEFAULT_PAGE_SIZE = 50
_LARGEST_PAGE_SIZE = 1000
# A filter that matches little may give many empty pages in a row; a server that gives nothing else
# must not keep a loop busy for ever.
_MOST_EMPTY_PAGES = 100_000

_QUERY = re.compile(r"[!-\"$-~]+")  # visible ASCII without the # that would end it


class Paging(TypedDict, total=False):
    """Which part of a list is asked for; the filters of every list extend it.

    *limit* is how many resources there are in all at the most, from 0; *page_size* is how many are
    asked for at once, 1 to 1,000, by default 50 or the *limit* if that is less. *cursor* is that
    of a :class:`Page` or an error, and gives what follows it.
    """

    limit: Annotated[int | None, UNSENT]
    page_size: Annotated[int | None, UNSENT]
    cursor: Annotated[str | None, UNSENT]


PAGING = ("limit", "page_size", "cursor")


@attrs.frozen
class Page(Generic[R]):
    """Some resources in a row, and where to go on after them.

    ``cursor`` is a text to keep: ``list(cursor=page.cursor)`` gives what follows this page, in
    another process too. It is None after the last page. Where ``limit`` cuts a page short, it
    leads to that same page again, so that nothing is passed over.
    """

    items: list[R]
    cursor: str | None


@attrs.frozen
class Listing(Generic[R]):
    """Resources that match, fetched page by page as they are iterated; iterating again asks again.

    ``async for`` gives them one by one, :meth:`pages` page by page, :meth:`all` as a list. The
    next page is fetched while one is consumed, and not at all once the consumer has left. A
    resource that changes its place between two pages may be given twice, as the service gives it.
    An error in the middle has a ``cursor``, with which a new list goes on.
    """

    _session: Session = attrs.field(repr=False)
    _path: str
    _query: str
    _resource: type[R]
    _key: str
    _limit: int | None
    _lane: RateLimiter = attrs.field(repr=False)

    async def __aiter__(self) -> AsyncIterator[R]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    async def all(self) -> list[R]:
        """Return all of them; only a *limit* bounds the memory that this takes."""
        return [item async for item in self]

    async def pages(self) -> AsyncGenerator[Page[R], None]:
        """Yield page after page, the next one on its way meanwhile."""
        if self._limit == 0:
            return
        self._session.check()
        left, cursor = self._limit, self._query
        trail = _Trail(cursor)
        fetching = self._session.spawn(self._fetch(cursor, trail))
        try:
            while True:
                found = await self._fetched(fetching)
                if left is not None and len(found.items) >= left:
                    whole = len(found.items) == left and found.trouble is None
                    yield Page(found.items[:left], found.cursor if whole else cursor)
                    return
                left = None if left is None else left - len(found.items)
                if found.cursor is not None:
                    fetching = self._session.spawn(self._fetch(found.cursor, trail))
                yield Page(found.items, cursor if found.trouble else found.cursor)
                if found.trouble is not None:
                    found.trouble.cursor = cursor
                    raise found.trouble
                if found.cursor is None:
                    return
                cursor = found.cursor
        finally:
            self._session.abandon(fetching)

    async def _fetched(self, fetching: "asyncio.Task[_Found[R]]") -> "_Found[R]":
        self._session.check()
        try:
            return await fetching
        except asyncio.CancelledError:
            # Who closes the client ends what it fetches: that is no cancellation of who waits.
            if (waiting := asyncio.current_task()) is None or not waiting.cancelling():
                self._session.check()
            raise

    async def _fetch(self, cursor: str, trail: "_Trail") -> "_Found[R]":
        url = URL(f"{self._path}?{cursor}", encoded=True)
        try:
            return await self._session.request(
                LIST, url, lambda answer: self._read(answer, trail), lane=self._lane
            )
        except AiotaskError as error:
            error.cursor = cursor
            raise

    def _read(self, answer: Answer, trail: "_Trail") -> "_Found[R]":
        items, following = answer.decoded(
            f"a page of {self._resource.__name__}",
            lambda body: decode_page(body, self._resource, self._key),
        )
        try:
            cursor = _followed(self._path, following) if following else None
            if cursor is not None:
                trail.add(cursor, empty=not items)
        except _UntrustedError as error:
            trouble = answer.wrong(str(error), error.kind)
            trouble.method, trouble.url, trouble.attempts = "GET", self._path, 1
            return _Found(items, None, trouble)
        return _Found(items, cursor, None)


class _Found(NamedTuple, Generic[R]):
    items: list[R]
    cursor: str | None
    trouble: AiotaskError | None


class _UntrustedError(Exception):
    def __init__(self, reason: str, kind: type[AnswerError]) -> None:
        super().__init__(reason)
        self.kind = kind


class _Trail:
    """Where a listing has been: eight bytes a page, so that an endless one stays small."""

    def __init__(self, first: str) -> None:
        self._seen = array("q", [_mark(first)])
        self._empty = 0

    def add(self, cursor: str, *, empty: bool) -> None:
        """Note the next page; refuse one that was there before, and too many empty ones."""
        mark = _mark(cursor)
        place = bisect_left(self._seen, mark)
        if place < len(self._seen) and self._seen[place] == mark:
            raise _UntrustedError(
                "the next page is one that the listing already gave", PageCycleError
            )
        self._seen.insert(place, mark)
        self._empty = self._empty + 1 if empty else 0
        if self._empty >= _MOST_EMPTY_PAGES:
            raise _UntrustedError(f"{self._empty} empty pages in a row", ProtocolError)


def _mark(cursor: str) -> int:
    # The token is the place; `Page` counts up beside it and would hide a standstill.
    token = next((v for k, v in parse_qsl(cursor) if k == "PageToken"), None)
    return hash(cursor if token is None else ("PageToken", token))


def _check(name: str, value: object, low: int, high: int | None) -> None:
    if type(value) is not int or value < low or (high is not None and value > high):
        bounds = f"from {low}" if high is None else f"{low} to {high}"
        raise ValueError(f"{name}: must be an int {bounds}, not {value!r}")


def list_query(pairs: Pairs, limit: int | None, page_size: int | None, cursor: str | None) -> str:
    """Return the query of a listing's first request; a ValueError says what cannot be right.

    A *cursor* carries the filters that it was given with; *pairs* and *page_size* take their place
    where they are given again.
    """
    if limit is not None:
        _check("limit", limit, 0, None)
    if page_size is not None:
        _check("page_size", page_size, 1, _LARGEST_PAGE_SIZE)
        pairs = [*pairs, ("PageSize", str(page_size))]
    if cursor is None:
        if page_size is None:
            size = _DEFAULT_PAGE_SIZE if limit is None else max(1, min(limit, _DEFAULT_PAGE_SIZE))
            pairs = [*pairs, ("PageSize", str(size))]
        return urlencoded(pairs)
    if not _QUERY.fullmatch(cursor):
        raise ValueError("cursor: must be the cursor of a page or an error, as it was given")
    cursor = plain(cursor)
    if not pairs:
        return cursor
    given = {name for name, _ in pairs}
    kept = [(k, v) for k, v in parse_qsl(cursor, keep_blank_values=True) if k not in given]
    return urlencoded([*kept, *pairs])


def _followed(path: str, following: str) -> str:
    """Return the query of a next page, which has to be at this very origin and path.

    Only the query is ever taken from it: the credentials go where they were configured to go.
    """
    fits = following.startswith(f"{path}?")
    query = following[len(path) + 1 :] if fits else _same_place(path, following)
    if query is None or not _QUERY.fullmatch(query):
        reason = "the next page is not at the listing's own origin and path"
        raise _UntrustedError(reason, UnsafeNextPageError)
    return query


def _same_place(path: str, following: str) -> str | None:
    """Return the query of a URL, absolute or relative, if it leads to *path*."""
    if (
        not _QUERY.fullmatch(following)
        or "\\" in following
        or "@" in following.split("?", maxsplit=1)[0]
    ):
        return None
    try:  # yarl reads a host only when it is asked for it
        own = _place(URL(path, encoded=True))
        url = URL(path, encoded=True).join(URL(following, encoded=True))
        return url.raw_query_string if _place(url) == own else None
    except ValueError:
        return None


def _place(url: URL) -> tuple[str, str, int | None, str]:
    return url.scheme, (url.raw_host or "").lower(), url.port, url.raw_path
