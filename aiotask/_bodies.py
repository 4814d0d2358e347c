"""Bodies of answers -> resources, one or a page of them; no I/O.

msgspec decodes the bytes straight into the resources' classes, which costs little more than parsing
them. Wherever it refuses, the document is parsed, and left to ``_decoding``: that decides, and
explains. msgspec accepts no more, with equal results (``tests/test_decoding_equality.py``), but for
numbers beyond all bounds in members that are no fields, which it passes over.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import repeat
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import attrs
import msgspec

from aiotask._additions import Additions, additions_of, rows_decoder
from aiotask._decoding import HEADER, JsonText, structure
from aiotask._json import (
    NEVER_DEEP,
    REFUSALS,
    JsonSyntaxError,
    json_or_text,
    kind_of,
    loads,
    parse,
)

R = TypeVar("R")

# What msgspec makes of an answer that is not as documented, or not JSON at all.
_REFUSALS = (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError)


def decode(body: bytes, resource: type[R], etag: str | None = None) -> R:
    """Return what *body* says as a *resource*; a ValueError says what is not as documented.

    It is a JsonSyntaxError where there is no document: no JSON, nothing, or null.
    """
    try:
        _check_utf8(body)
        parts = _parts(resource)  # type: ignore[arg-type]  # classes hash
        built: R = parts.decode(body)
        _complete_one(built, parts, etag)
        if parts.additions.wanted():
            parts.additions.keep(built, body)
    except _REFUSALS:
        return structure(_document(body), resource, etag)
    return built


def decode_page(body: bytes, resource: type[R], key: str) -> tuple[list[R], str | None]:
    """Return the rows of a page, each as a *resource*, and the URL of the next page if any.

    The rows stand under the name that the page's ``meta.key`` says, which is *key* as a rule.
    Errors are those of :func:`decode`.
    """
    try:
        _check_utf8(body)
        with _without_collections():
            page = _page_decoder(resource, key).decode(body)  # type: ignore[arg-type]  # classes hash
            if page.meta.key == key:
                parts = _parts(resource)  # type: ignore[arg-type]  # classes hash
                _complete(page.rows, parts)
                if parts.additions.wanted():
                    parts.additions.keep_all(page.rows, rows_decoder(key).decode(body).rows)
                return page.rows, page.meta.next_page_url
    except _REFUSALS:
        pass
    meta, rows = _members(_document(body))
    return [structure(row, resource) for row in rows], _next_page(meta)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Hold back the garbage collector: a page makes thousands of objects, and no cycle.

    Python would look for cycles after each 700 of them, now and then through the whole heap of the
    program: a fifth of the time that a page takes, and more where the heap is large.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


_consume = deque[Any](maxlen=0).extend  # it keeps nothing of an iterable


class _Meta(msgspec.Struct):
    key: str
    next_page_url: str | None = None


@cache
def _page_decoder(resource: type[Any], key: str) -> msgspec.json.Decoder[Any]:
    rows = ("rows", list[resource], msgspec.field(name=key))  # type: ignore[valid-type]
    return msgspec.json.Decoder(msgspec.defstruct("Page", [rows, ("meta", _Meta)]))


@cache
def _decoder(resource: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(resource)


class _Slot(NamedTuple):
    """A field of a frozen class: its slot can be set, as its ``__init__`` does."""

    get: Callable[[Any], Any]
    set: Callable[[Any, Any], None]


class _Parts(NamedTuple):
    """What decodes resources of a class: *texts* are JSON as text, *headers* come from one."""

    decode: Callable[[bytes], Any]
    texts: list[_Slot]
    headers: list[_Slot]
    additions: Additions


@cache
def _parts(resource: type[Any]) -> _Parts:
    fields = attrs.fields(resource)

    def slot(name: str) -> _Slot:
        return _Slot(attrgetter(name), getattr(resource, name).__set__)

    return _Parts(
        _decoder(resource).decode,  # type: ignore[arg-type]  # classes hash
        [slot(field.name) for field in fields if field.type == JsonText],
        [slot(field.name) for field in fields if HEADER in field.metadata],
        additions_of(resource),  # type: ignore[arg-type]  # classes hash
    )


def _complete_one(built: Any, parts: _Parts, etag: str | None) -> None:
    """Decode the JSON texts in a resource that nobody has yet, and set what came from a header."""
    for get, put in parts.texts:
        put(built, _value(get(built)))
    for _, put in parts.headers:
        put(built, etag)


def _complete(rows: list[Any], parts: _Parts) -> None:
    """Do the same for the rows of a page, of which no header tells anything.

    The loops are those of C: as bytecode they would take as long as the parsing.
    """
    for get, put in parts.texts:
        _consume(map(put, rows, _values(list(map(get, rows)))))
    for get, put in parts.headers:
        if list(map(get, rows)).count(None) < len(rows):
            _consume(map(put, rows, repeat(None)))


def _values(texts: list[Any]) -> Iterable[Any]:
    """Return the values of JSON texts."""
    if texts.count("{}") == len(texts):
        return [{} for _ in texts]
    try:
        if max(map(len, texts)) <= NEVER_DEEP:
            return list(map(parse, texts))
    except (TypeError, *REFUSALS):
        pass  # one of them is missing or no JSON
    return map(_value, texts)


def _value(text: Any) -> Any:
    """Return the value of a JSON text, or the text where it is none."""
    if text is None:
        return None
    try:
        return parse(text) if len(text) <= NEVER_DEEP else json_or_text(text)
    except REFUSALS:
        return json_or_text(text)


def _check_utf8(body: bytes) -> None:
    # msgspec looks into the texts of known fields only.
    if not body.isascii():
        body.decode()


def _document(body: bytes) -> Any:
    document = loads(body)
    if document is None:
        raise JsonSyntaxError("nothing but null")
    return document


def _members(document: Any) -> tuple[dict[str, Any], list[Any]]:
    if not isinstance(document, dict):
        raise ValueError(f"not an object but {kind_of(document)}")
    meta = document.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("meta is not an object")
    key = meta.get("key")
    if key is None:
        lists = [value for value in document.values() if isinstance(value, list)]
        rows = lists[0] if len(lists) == 1 else None
    else:
        rows = document.get(key) if isinstance(key, str) else None
    if not isinstance(rows, list):
        raise ValueError("the list that meta.key names is not there")
    return meta, rows


def _next_page(meta: dict[str, Any]) -> str | None:
    following = meta.get("next_page_url")
    if following is not None and not isinstance(following, str):
        raise ValueError("meta.next_page_url is not text")
    return following
