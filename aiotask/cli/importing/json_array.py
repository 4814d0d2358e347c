"""Elements of a JSON array, cut out of a stream in bounded memory."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aiotask._json import JsonSyntaxError, dumps, loads
from aiotask.cli.importing.lines import (
    BYTE_ORDER_MARK,
    LONGEST_RECORD,
    OVERLONG,
    MalformedInputError,
)

# Text and whole strings up to the next bracket that is in no string.
_UP_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)
_OPENING = {b"[", b"{"}


class Element(NamedTuple):
    """An element by its first and last line; the text of an object, or of any other value."""

    line: int
    last: int
    text: bytes


def open_brackets(text: bytes) -> int:
    """Return how many brackets *text* leaves open."""
    return sum(1 if bracket in _OPENING else -1 for bracket in _UP_TO_BRACKET.findall(text))


def array_elements(source: Iterable[bytes]) -> Iterator[list[Element]]:
    """Yield the elements of the array that a source begins with, as many at once as are ready.

    A MalformedInputError says what is wrong around the elements; what is wrong in one of them is
    left to its reader.
    """
    array = _Array()
    for block in source:
        if elements := array.feed(block):
            yield elements
    array.finish()


class _Array:
    """State of the reading: ``_text`` holds what no element was made of yet."""

    def __init__(self) -> None:
        self._text = b""
        self._position = 0  # where the next run up to a bracket begins
        self._line = 1  # of the beginning of the text
        self._depth = 0
        self._elements = 0
        self._ended = False

    def feed(self, block: bytes) -> list[Element]:
        """Take a block, and return the elements that end in it."""
        self._text += block
        elements: list[Element] = []
        start = 0  # of the element, or of the gap before the next one
        while not self._ended and (run := _UP_TO_BRACKET.match(self._text, self._position)):
            bracket, end = run[1], run.end()
            if bracket in _OPENING:
                if self._depth == 1:
                    elements += self._values(self._text[start : end - 1], last=False)
                    start = end - 1
                self._depth += 1
                if self._depth == 1:
                    self._open(self._text[:end])
                    start = end
            else:
                self._depth -= 1
                if self._depth == 1:
                    elements.append(self._element(self._text[start:end]))
                    start = end
                elif self._depth == 0 and bracket == b"]":
                    elements += self._values(self._text[start : end - 1], last=True)
                    start, self._ended = end, True
                elif self._depth <= 0:
                    raise MalformedInputError(f"{self._line}: the array ends with a brace")
            self._position = end
        self._text = self._text[start:]
        self._position -= start
        if self._ended and self._text.strip():
            raise MalformedInputError(f"{self._line}: the array ends, and more follows")
        if len(self._text) > LONGEST_RECORD:
            raise MalformedInputError(f"{self._line}: an element is {OVERLONG}")
        return elements

    def finish(self) -> None:
        """Raise an error if the array has not ended."""
        if not self._ended:
            reason = "the array does not end" if self._depth else "not a JSON array"
            raise MalformedInputError(f"{self._line}: {reason}")

    def _open(self, text: bytes) -> None:
        self._line += text.count(b"\n")
        if text.removeprefix(BYTE_ORDER_MARK).strip() != b"[":
            raise MalformedInputError(f"{self._line}: not a JSON array")

    def _element(self, text: bytes) -> Element:
        first, self._line = self._line, self._line + text.count(b"\n")
        self._elements += 1
        return Element(first, self._line, text)

    def _values(self, gap: bytes, *, last: bool) -> list[Element]:
        """Return the values without brackets between two objects, and check the commas there."""
        first, self._line = self._line, self._line + gap.count(b"\n")
        if self._elements and not last and gap.strip() == b",":
            return []
        # Objects in place of the neighbours make it an array whose commas the parser checks.
        before, after = (b"{}" if self._elements else b""), (b"" if last else b"{}")
        try:
            values = loads(b"[%b%b%b]" % (before, gap, after))
        except JsonSyntaxError:
            reason = f"not a JSON array: {gap.strip()[:40].decode(errors='replace')!r}"
            raise MalformedInputError(f"{first}: {reason} between two elements") from None
        found = values[bool(before) : len(values) - bool(after)]
        first += gap.count(b"\n", 0, len(gap) - len(gap.lstrip(b", \r\n\t")))
        self._elements += len(found)
        return [Element(first, self._line, dumps(value)) for value in found]
