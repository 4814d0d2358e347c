"""Text of an input as UTF-8: decompressed, and decoded from another encoding."""

import codecs
import gzip
from abc import abstractmethod
from collections.abc import Iterator
from io import BufferedReader
from typing import Protocol

_BLOCK = 2**16
_GZIP_MARK = b"\x1f\x8b"


class Stream(Protocol):
    """A file that is read in blocks."""

    @abstractmethod
    def read1(self, size: int, /) -> bytes:
        """Return at most *size* bytes as soon as any are read, and none at the end."""


def text_blocks(file: BufferedReader, *, compressed: bool, encoding: str | None) -> Iterator[bytes]:
    """Yield the text of *file*, each block as soon as it is there.

    Without an *encoding*, the bytes come as they are. A file that is damaged raises an OSError, an
    EOFError, a zlib.error or a UnicodeDecodeError.
    """
    stream: Stream = gzip.GzipFile(fileobj=file) if compressed else file
    if encoding is None:
        while block := stream.read1(_BLOCK):
            yield block
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    while block := stream.read1(_BLOCK):
        if text := decoder.decode(block):
            yield text.encode()
    if text := decoder.decode(b"", final=True):
        yield text.encode()


def is_encoding(name: str) -> bool:
    """Return whether *name* is an encoding of text."""
    try:
        " ".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def guess(start: bytes) -> str:
    """Return what to try with a text that is not UTF-8, by its beginning."""
    if start.startswith(_GZIP_MARK):
        return "it looks compressed: try gzip -dc, or a name that ends in .gz"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it looks like UTF-16: try --encoding utf-16"
    if b"\0" in start:
        order = "be" if start.startswith(b"\0") else "le"
        return f"it looks like UTF-16: try --encoding utf-16-{order}"
    return "if it comes from Windows, try --encoding cp1252"
