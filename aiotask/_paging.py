"""Listings: resources fetched page by page while they are consumed, from one place only."""

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
from aiotask._hosts import is_same_resource
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
# A filter that matches little may give many empty pages in a row, but a server that gives nothing
# else must not keep a loop busy for ever.
_MOST_EMPTY_PAGES = 100_000

_QUERY = re.compile(r"[!-\"$-~]+")  # visible ASCII without the # that would end it


class Paging(TypedDict, total=False):
    """Part of a list that is asked for; the filters of every list extend it."""

    limit: Annotated[int | None, UNSENT]
    """Largest number of resources in all, from 0; all by default."""
    page_size: Annotated[int | None, UNSENT]
    """Number of resources in one request, 1 to 1,000; 50 by default, or the limit if that is
    less.
    """
    cursor: Annotated[str | None, UNSENT]
    """Cursor of a :class:`Page` or an error: the list continues after it."""


PAGING = ("limit", "page_size", "cursor")


@attrs.frozen
class Page(Generic[R]):
    """Consecutive resources, and the cursor of what follows them."""

    items: list[R]
    """Resources of the page, in the order of the list."""
    cursor: str | None
    """Text to keep: ``list(cursor=page.cursor)`` continues after this page, in another process
    too. It is None after the last page. If ``limit`` cuts a page short, it leads to the same
    page again, so that nothing is skipped.
    """


@attrs.frozen
class Listing(Generic[R]):
    """Matching resources, fetched page by page while they are iterated, anew by each iteration.

    ``async for`` gives them one by one, :meth:`pages` page by page, :meth:`all` as a list. The
    next page is fetched while one is consumed; leaving the loop cancels that. A resource that the
    service moves to a later page meanwhile is given twice. An error in the middle has a
    ``cursor``, with which a new list continues.
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
                items = page.items
                del page
                for item in items:
                    yield item
                # The next page is decoded where these lie, which the caches of the processor know.
                del items

    async def all(self) -> list[R]:
        """Return all resources; only a *limit* bounds the memory that this takes."""
        return [item async for item in self]

    async def pages(self) -> AsyncGenerator[Page[R], None]:
        """Yield page after page, while the next one is fetched."""
        if self._limit == 0:
            return
        self._session.check()
        left, cursor = self._limit, self._query
        trail = _Trail(cursor)
        fetching = self._session.background.spawn(self._fetch(cursor, trail))
        try:
            while True:
                items, following, trouble = await self._fetched(fetching)
                if left is not None and len(items) >= left:
                    whole = len(items) == left and trouble is None
                    yield Page(items[:left], following if whole else cursor)
                    return
                left = None if left is None else left - len(items)
                if following is not None:
                    fetching = self._session.background.spawn(self._fetch(following, trail))
                page = Page(items, cursor if trouble else following)
                del items
                yield page
                del page
                if trouble is not None:
                    trouble.cursor = cursor
                    raise trouble
                if following is None:
                    return
                cursor = following
        finally:
            self._session.background.abandon(fetching)

    async def _fetched(self, fetching: "asyncio.Task[_Found[R]]") -> "_Found[R]":
        self._session.check()
        try:
            return await fetching
        except asyncio.CancelledError:
            # Closing the client cancels the fetch, but not the task that waits for it here.
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
    """Pages that a listing has visited: eight bytes each, so that an endless one stays small."""

    def __init__(self, first: str) -> None:
        self._seen = array("q", [_mark(first)])
        self._empty = 0

    def add(self, cursor: str, *, empty: bool) -> None:
        """Record the next page; refuse one visited before, and too many empty ones in a row."""
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
    # The token identifies the page; the parameter `Page` counts up even if the token does not move.
    token = next((v for k, v in parse_qsl(cursor) if k == "PageToken"), None)
    return hash(cursor if token is None else ("PageToken", token))


def _check(name: str, value: object, low: int, high: int | None) -> None:
    if type(value) is not int or value < low or (high is not None and value > high):
        bounds = f"from {low}" if high is None else f"{low} to {high}"
        raise ValueError(f"{name}: must be an int {bounds}, not {value!r}")


def list_query(pairs: Pairs, limit: int | None, page_size: int | None, cursor: str | None) -> str:
    """Return the query of a listing's first request; a ValueError names a wrong parameter.

    A *cursor* contains the filters of its list; *pairs* and *page_size* replace them if given.
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
        raise ValueError("cursor: must be the unchanged cursor of a page or an error")
    cursor = plain(cursor)
    if not pairs:
        return cursor
    given = {name for name, _ in pairs}
    kept = [(k, v) for k, v in parse_qsl(cursor, keep_blank_values=True) if k not in given]
    return urlencoded([*kept, *pairs])


def _followed(path: str, following: str) -> str:
    """Return the query of a next page, which has to name the listing's own resource.

    Nothing but the query of the URL is used, so that no page can send the credentials elsewhere.
    """
    fits = following.startswith(f"{path}?")
    query = following[len(path) + 1 :] if fits else _query_at(path, following)
    if query is None or not _QUERY.fullmatch(query):
        reason = "the next page is not the listing's: it has another host or path"
        raise _UntrustedError(reason, UnsafeNextPageError)
    return query


def _query_at(path: str, following: str) -> str | None:
    """Return the query of a URL, absolute or relative, if it names the resource at *path*."""
    if (
        not _QUERY.fullmatch(following)
        or "\\" in following
        or "@" in following.split("?", maxsplit=1)[0]
    ):
        return None
    try:  # yarl parses a host only on access
        own = URL(path, encoded=True)
        url = own.join(URL(following, encoded=True))
        return url.raw_query_string if is_same_resource(own, url) else None
    except ValueError:
        return None
