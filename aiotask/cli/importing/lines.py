"""Lines of a binary input, split in blocks and bounded in length."""

from collections.abc import Iterator
from io import BufferedReader

LONGEST_LINE = 2**20
"""Attributes have 4,096 characters: a longer line is no record, and only its start is kept."""
OVERLONG = f"longer than {LONGEST_LINE:,} bytes"
_BLOCK = 2**16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def line_portions(file: BufferedReader) -> Iterator[list[bytes]]:
    """Yield whole lines without their ends, as many at once as there are.

    The first line of a portion may be longer than LONGEST_LINE: then only its start is there.
    """
    portions = _portions(file)
    for portion in portions:
        yield [portion[0].removeprefix(_BYTE_ORDER_MARK), *portion[1:]]
        break
    yield from portions


def _portions(file: BufferedReader) -> Iterator[list[bytes]]:
    rest = b""
    while block := file.read1(_BLOCK):
        head, *others = block.split(b"\n")
        if len(rest) <= LONGEST_LINE:
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
