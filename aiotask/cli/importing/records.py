"""Records of an input, as every format gives them.

A record is only cut out of the input. Its fields are read when they are wanted: a wrong record is
one like any other until then, and passing over a million of them is quick. Fields come out with
any value, because only the client knows which values are right.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple, Protocol


class Unreadable(NamedTuple):
    """Content that is no record: why, and how it came, which is empty where it was not kept."""

    reason: str
    raw: bytes


class Record(NamedTuple):
    """A record by its number from 1, its first and last line, and their content.

    The content is a text of JSON (of a table, the list of its cells) or the cells of CSV.
    ``fingerprint`` has 32 bits that tell the record from another one.
    """

    number: int
    line: int
    last: int
    content: bytes | list[str] | Unreadable
    fingerprint: int


Put = Callable[[list[Record]], None]

record_of: Callable[[Iterable[Any]], Record] = partial(tuple.__new__, Record)
"""Does what Record._make does, and several times as fast: a resumed run makes a million first."""


class Frame(NamedTuple):
    """Text before, between and after the records of a format."""

    start: bytes
    between: bytes
    end: bytes


class Records(Protocol):
    """The records of one input, whose header ends with the line ``header``.

    ``frame`` is known when the first record is.
    """

    header: int
    frame: Frame

    def read(self, put: Put) -> None:
        """Hand over all records in portions, each as soon as its last line is there.

        A MalformedInputError ends the reading of an input that cannot be checked before.
        """

    @abstractmethod
    def check(self) -> None:
        """Read everything; a MalformedInputError says why the input is refused as a whole."""

    @abstractmethod
    def fields(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record; a ValueError says why it has none."""

    @abstractmethod
    def key(self, record: Record) -> Any:
        """Return what the key column has; a ValueError says why it has nothing."""

    @abstractmethod
    def raw(self, record: Record) -> bytes:
        """Return a record as it came, in UTF-8; it is empty if it was too long to be kept."""
