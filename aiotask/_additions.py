"""Members of answers that are no fields of a resource: when they are looked for, and kept.

Looking takes half as long as decoding, so it is not done with every answer.
"""

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import attrs
import msgspec

from aiotask._json import json_or_text
from aiotask._resource import Resource, put_extra

_EVERY = 1.0  # seconds between two looks at answers of one kind, until one has more

_Members = dict[str, msgspec.Raw]
_MEMBERS: msgspec.json.Decoder[_Members] = msgspec.json.Decoder(_Members)


class Additions:
    """What answers of one kind of resource have besides its fields."""

    def __init__(self, kind: type[Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._known = frozenset(field.name for field in attrs.fields(kind))
        self._holds = issubclass(kind, Resource)
        self._clock = clock
        self._due = 0.0 if self._holds else float("inf")
        self._found = False

    def wanted(self) -> bool:
        """Whether the next answer is to be looked through."""
        if self._found:
            return True
        if (now := self._clock()) < self._due:
            return False
        self._due = now + _EVERY
        return True

    def keep(self, resource: Any, body: bytes) -> None:
        """Keep what a body has besides."""
        self.keep_all([resource], [_MEMBERS.decode(body)])

    def keep_all(self, resources: Iterable[Any], rows: Iterable[_Members]) -> None:
        """Keep what the rows of a page have besides."""
        for resource, members in zip(resources, rows, strict=True):
            if not members.keys() <= self._known:
                self._found = True
                more = members.keys() - self._known
                put_extra(
                    resource,
                    {
                        name: json_or_text(bytes(raw).decode())
                        for name, raw in members.items()
                        if name in more
                    },
                )

    def keep_of(self, resource: Any, document: dict[str, Any]) -> None:
        """Keep what a parsed document has besides."""
        if self._holds and (more := document.keys() - self._known):
            put_extra(resource, {name: document[name] for name in document if name in more})


@cache
def additions_of(kind: type[Any]) -> Additions:
    """Return the additions to one kind of resource, of this process."""
    return Additions(kind)


@cache
def rows_decoder(key: str) -> msgspec.json.Decoder[Any]:
    """Return a decoder of pages that gives the members of their rows as ``rows``."""
    rows = ("rows", list[_Members], msgspec.field(name=key))
    return msgspec.json.Decoder(msgspec.defstruct("Rows", [rows]))
