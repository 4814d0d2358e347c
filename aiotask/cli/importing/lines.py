"""Lines of a text that comes in blocks, bounded in length."""

from collections.abc import Iterable, Iterator

LONGEST_RECORD = 2**20
"""Attributes have 4,096 characters: a longer text is no record, and only its start is kept."""
OVERLONG = f"longer than {LONGEST_RECORD:,} bytes"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class MalformedInputError(ValueError):
    """The input as a whole is not of its format; the text begins with the line."""


def line_portions(source: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield whole lines without their ends, as many at once as are ready.

    The first line of a portion may be longer than LONGEST_RECORD: then only its start is there.
    """
    portions = _portions(source)
    for portion in portions:
        yield [portion[0].removeprefix(BYTE_ORDER_MARK), *portion[1:]]
        break
    yield from portions


def _portions(source: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = b""
    for block in source:
        head, *others = block.split(b"\n")
        if len(rest) <= LONGEST_RECORD:
            rest += head
        if others:
            last = others.pop()
            yield [rest, *others]
            rest = last
    if rest:
        yield [rest]


def check_text(text: bytes) -> None:
    """Raise a ValueError if *text* is not UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte 0x{text[error.start]:02x}") from None
