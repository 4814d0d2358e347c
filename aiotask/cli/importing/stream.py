"""Text of an input as UTF-8: decompressed, and decoded from another encoding.

Compression is told by the ending of a name, or else by how the content begins.
"""

import codecs
import gzip
from abc import abstractmethod
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, Literal, Protocol

from aiotask.cli.extras import extra

Compression = Literal["gz", "zst"]

_BLOCK = 2**16
_MARKS: dict[bytes, Compression] = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst"}
_ENDINGS: dict[str, Compression] = {".gz": "gz", ".zst": "zst", ".zstd": "zst"}


class Stream(Protocol):
    """A file that is read in blocks."""

    @abstractmethod
    def read1(self, size: int, /) -> bytes:
        """Return at most *size* bytes as soon as any are read, and none at the end."""


class DamagedError(ValueError):
    """A compressed file is damaged."""


def _compression_of(name: str, file: BufferedReader) -> Compression | None:
    """Return how a file is compressed; what is read to tell it stays to be read."""
    for ending, kind in _ENDINGS.items():
        if name.lower().endswith(ending):
            return kind
    start = file.peek(_BLOCK)
    for mark, kind in _MARKS.items():
        if start.startswith(mark):
            return kind
    return None


def plain_name(name: str) -> str:
    """Return a name in small letters, without the ending of a compressed file."""
    name = name.lower()
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name


def text_blocks(file: BufferedReader, name: str, encoding: str | None) -> Iterator[bytes]:
    """Yield the text of the *file* of a name, each block as soon as it is there.

    Without an *encoding*, the bytes come as they are. A file that is damaged raises an OSError, an
    EOFError, a zlib.error, a DamagedError or a UnicodeDecodeError.
    """
    compression = _compression_of(name, file)
    blocks = _zstd_blocks(file) if compression == "zst" else _blocks(file, compression)
    if encoding is None:
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in blocks:
        if text := decoder.decode(block):
            yield text.encode()
    if text := decoder.decode(b"", final=True):
        yield text.encode()


def _blocks(file: BufferedReader, compression: Compression | None) -> Iterator[bytes]:
    stream: Stream = gzip.GzipFile(fileobj=file) if compression == "gz" else file
    while block := stream.read1(_BLOCK):
        yield block


def zstd() -> Any:
    """Return the module that reads zstd: Python's own from 3.14 on."""
    return extra(("compression.zstd", "backports.zstd"), "zstd", "zstd")


def _zstd_blocks(file: BufferedReader) -> Iterator[bytes]:
    module = zstd()
    stream: Stream = module.ZstdFile(file)
    while True:
        try:
            block = stream.read1(_BLOCK)
        except module.ZstdError as error:
            raise DamagedError(str(error)) from error
        if not block:
            return
        yield block


def is_encoding(name: str) -> bool:
    """Return whether *name* is an encoding of text."""
    try:
        " ".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def guess(start: bytes) -> str:
    """Return what to try with a text that is not UTF-8, by its beginning."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it looks like UTF-16: try --encoding utf-16"
    if b"\0" in start:
        order = "be" if start.startswith(b"\0") else "le"
        return f"it looks like UTF-16: try --encoding utf-16-{order}"
    return "if it comes from Windows, try --encoding cp1252"
