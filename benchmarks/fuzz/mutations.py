"""Hostile answers: a good one, bent and broken at random, and the same again for the same chances.

What is bent is the document, its text, the status, the headers, the way the length is told, and
last the bytes as they are sent. Pure: neither the call nor the connection is known here.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Literal, NamedTuple

import msgspec

from fuzz import mutation_words as words

End = Literal["stays", "closes", "resets"]


class Good(NamedTuple):
    """A good answer of the service; no document is no body."""

    status: int
    document: Any


class Place(NamedTuple):
    """The request that is answered: *own* and *other* are origins, *path* and *query* its own."""

    own: str
    other: str
    path: str
    query: str


class Hostile(NamedTuple):
    """A hostile answer, piece by piece, and the end of its connection."""

    pieces: Sequence[bytes]
    end: End


class _Draft:
    """An answer that is being bent."""

    def __init__(self, random: Random, good: Good, place: Place) -> None:
        self.random = random
        self.place = place
        self.start = f"HTTP/1.1 {good.status} OK".encode()
        self.headers = [b"Content-Type: application/json", b'ETag: "3"']
        self.document = good.document
        self.body = b"" if good.document is None else msgspec.json.encode(good.document)
        self.length: bytes | None = None  # the line that tells it, where it is not the true one
        self.framed = True  # so that it can be seen where it ends

    def wire(self) -> bytes:
        """Return all of it."""
        length = self.length
        if length is None:
            length = b"Content-Length: %d" % len(self.body)
        lines = [self.start, *self.headers, *([length] if length else []), b"", b""]
        return b"\r\n".join(lines) + self.body


def whole(good: Good, place: Place) -> Hostile:
    """Return a good answer as it is."""
    return Hostile([_Draft(Random(0), good, place).wire()], "stays")


_LEFT_ALONE = 0.1
_BROKEN = 0.2
_IN_PIECES = 0.1
# An answer without an end holds up all other calls, so that there are few.
_ENDS: Sequence[End] = ("stays", "closes", "resets")
_FRAMED, _UNFRAMED = (80, 18, 2), (3, 93, 4)


def hostile(random: Random, good: Good, place: Place) -> Hostile:
    """Return what chances make of a good answer: now and then they leave it alone."""
    if random.random() < _LEFT_ALONE:
        return whole(good, place)
    draft = _Draft(random, good, place)
    for _ in range(random.choices([1, 2, 3], [6, 3, 1])[0]):
        random.choices(_BENDS, _WEIGHTS)[0](draft)
    wire = draft.wire()
    if random.random() < _BROKEN:
        wire, draft.framed = _broken(random, wire), False
    end = random.choices(_ENDS, _FRAMED if draft.framed else _UNFRAMED)[0]
    cut = random.randrange(len(wire) + 1) if random.random() < _IN_PIECES else 0
    return Hostile([wire[:cut], wire[cut:]] if cut else [wire], end)


def _scalar(random: Random) -> Any:
    if random.random() < 1 / 4:
        return msgspec.json.decode(random.choice(words.VALUES))
    return random.choice(random.choice([words.DATES, words.NUMBERS, words.TEXTS]))


Spot = tuple[Any, Any]
_MARK = "@@raw@@"


def _spots(value: Any, found: list[Spot]) -> None:
    """Find everything in a document, each as what holds it and its name or place there."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        found.append((value, key))
        if isinstance(each, dict | list):
            _spots(each, found)


def _bend_document(draft: _Draft) -> None:
    """Give members of the document other values, other names, or none; and add some."""
    random = draft.random
    document = [msgspec.json.decode(msgspec.json.encode(draft.document))]
    raw: list[bytes] = []
    for _ in range(random.choice([1, 1, 2, 5])):
        found: list[Spot] = []
        _spots(document, found)
        if not found:
            break
        holder, key = random.choice(found)
        match random.randrange(9):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[random.choice([str(key).upper(), f"{key} ", "", "__class__", "etag"])] = 1
            case 2 if isinstance(holder, list):
                holder.extend([holder[key]] * random.choice([1, 3, 300]))
            case 3:
                holder[key] = [holder[key]]
            case 4:
                other, name = random.choice(found)
                holder[key] = msgspec.json.decode(msgspec.json.encode(other[name]))
            case 5:
                holder[key] = _MARK
                raw.append(random.choice(words.RAW))
            case _:
                holder[key] = _scalar(random)
    draft.document = document[0] if document else None
    draft.body = msgspec.json.encode(draft.document)
    for each in raw:
        draft.body = draft.body.replace(f'"{_MARK}"'.encode(), each, 1)


def _bend_next_page(draft: _Draft) -> None:
    """Lead a listing astray."""
    document, (own, other, path, _) = draft.document, draft.place
    if not isinstance(document, dict) or not isinstance(document.get("meta"), dict):
        _bend_document(draft)
        return
    following = draft.random.choice(words.NEXT_PAGES).format(
        own=own,
        other=other,
        path=path,
        own_host=own.partition("//")[2],
        other_host=other.partition("//")[2],
        other_port=other.rpartition(":")[2],
    )
    if draft.random.random() < 1 / 20:
        following += "x" * 20_000
    draft.document = {**document, "meta": {**document["meta"], "next_page_url": following}}
    draft.body = msgspec.json.encode(draft.document)


def _bend_text(draft: _Draft) -> None:
    """Have the document in another code, among other things, or not at all."""
    random, body = draft.random, draft.body
    text = body.decode(errors="replace")
    ways: list[Callable[[], bytes]] = [
        lambda: b"\xef\xbb\xbf" + body,
        lambda: text.encode(random.choice(["utf-16", "utf-32-be"])),
        lambda: random.choice([b"", body + body, b"<html>" + body]),
        lambda: random.choice(words.RAW),
        lambda: msgspec.json.encode(_scalar(random)),
        lambda: random.randbytes(random.choice([1, 10, 1000])),
        lambda: _broken(random, body),
        lambda: b" " * 5000 + body,
    ]
    draft.body = random.choice(ways)()


def _bend_status(draft: _Draft) -> None:
    """Say something else of it: any status, before others, without a body, in another version."""
    random = draft.random
    draft.framed = False
    match random.randrange(4):
        case 0:
            draft.start = b"HTTP/1.1 %03d" % random.randrange(1000)
        case 1:
            status = b" %d" % random.choice([200, 201, 0, 1000, -1])
            draft.start = random.choice(words.VERSIONS) + status + random.choice(words.REASONS)
        case 2:
            earlier = b"HTTP/1.1 %s\r\nLink: <a>\r\n\r\n" % random.choice(words.EARLIER)
            draft.start = earlier * random.choice([1, 2, 50]) + draft.start
        case _:
            draft.start = b"HTTP/1.1 %d X" % random.choice(words.BODILESS)
            draft.headers.append(f"Location: {draft.place.other}{draft.place.path}".encode())


def _be_refused(draft: _Draft) -> None:
    """Have an error, with a document that tells it more or less as documented."""
    random = draft.random
    status = random.choice(words.ERRORS)
    draft.start = b"HTTP/1.1 %d Error" % status
    draft.document = {
        "code": random.choice([20001, 20404, status, *words.NUMBERS, _scalar(random)]),
        "message": random.choice(["Invalid", _scalar(random)]),
        "more_info": random.choice(["https://www.twilio.com/docs/errors/20001", _scalar(random)]),
        "status": status,
        "details": random.choice([{"a": 1}, None, _scalar(random)]),
    }
    draft.body = msgspec.json.encode(draft.document)
    if random.random() < 1 / 2:
        draft.headers.append(f"Retry-After: {random.choice(words.WAITS)}".encode())
        draft.headers.append(f"Date: {random.choice(words.DATES)}".encode())


def _bend_headers(draft: _Draft) -> None:
    """Add headers that mean nothing good, and lines that are none."""
    random = draft.random
    draft.framed = False
    for _ in range(random.choice([1, 1, 2, 4, 200])):
        match random.randrange(5):
            case 0:
                line = random.choice(words.HEADER_LINES)
            case 1:
                line = f"Retry-After: {random.choice(words.WAITS)}".encode()
            case 2:
                line = f"Content-Type: {random.choice(words.CONTENT_TYPES)}".encode("latin-1")
            case 3:
                line = random.randbytes(random.choice([3, 30]))
            case _:
                name, value = random.choice(words.HEADERS), random.choice(words.HEADER_VALUES)
                line = f"{name}: {value}".encode("latin-1")
        draft.headers.insert(random.randrange(len(draft.headers) + 1), line)


def _bend_length(draft: _Draft) -> None:
    """Lie about the length, in one of the many ways there are."""
    random, size = draft.random, len(draft.body)
    draft.framed = False
    numbers = [size + 1, size - 1, size * 2, 0, -1, 10**12, 10**30]
    forms = ("+{}", "{0}, {0}", "", "x", "{}.0", "0x{:x}", "{}\x00", "1_0", "\xb2{}", " {} ", "0{}")
    told = random.choice([*numbers, *(form.format(size) for form in forms)])
    line, truth = f"Content-Length: {told}".encode("latin-1"), b"Content-Length: %d" % size
    both = [line + b"\r\n" + truth, truth + b"\r\n" + line]
    draft.length = random.choice([line, line, line, *both, b"", b"Content-Length : 5"])


def _bend_chunks(draft: _Draft) -> None:
    """Send the body in chunks, of which some are not as they say."""
    random, body, at = draft.random, draft.body, 0
    draft.framed = False
    parts: list[bytes] = []
    while at < len(body):
        size = min(random.choice([1, 7, 100, 5000]), len(body) - at)
        told = b"%x" % size
        if random.random() < 1 / 30:
            told = random.choice([b"%X" % (size + 1), *words.CHUNK_SIZES])
        end = b"\r\n" if random.random() < 29 / 30 else random.choice([b"\n", b""])
        parts += [told, b"\r\n", body[at : at + size], end]
        at += size
    draft.body = b"".join([*parts, random.choice(words.LAST_CHUNKS)])
    draft.length = b"Transfer-Encoding: " + random.choice(words.TRANSFER_CODINGS)


def _bend_coding(draft: _Draft) -> None:
    """Compress the body, or say so, or both, and not always well."""
    random, body = draft.random, draft.body
    coding = random.choice(words.CODINGS)
    if coding == "deflate":
        body = zlib.compress(body, 1)[random.choice([0, 0, 2]) :]
    elif coding.lower().startswith("gzip"):
        body = words.BOMB if random.random() < 1 / 400 else gzip.compress(body, 1)
    match random.randrange(8):
        case 0:
            body = random.randbytes(random.choice([0, 1, 2, 10, 300]))
        case 1:
            body = _broken(random, body)
        case 2:
            body = body[: random.randrange(len(body) + 1)]
        case 3:
            body += random.choice([body, b"\x00" * 10, b"x", gzip.compress(b"")])
        case _:
            pass
    draft.body = body
    draft.headers.append(f"Content-Encoding: {coding}".encode("latin-1"))


def _bend_all(draft: _Draft) -> None:
    """Say anything at all after the status line."""
    random = draft.random
    draft.framed = False
    draft.headers = []
    draft.length = random.choice([b"", None])
    draft.body = random.randbytes(random.choice([0, 1, 5, 50, 500, 5000]))


def _broken(random: Random, data: bytes) -> bytes:
    """Change bytes, whatever they mean."""
    changed = bytearray(data)
    for _ in range(random.choice([1, 1, 1, 3, 20])):
        if changed:
            at, to = random.randrange(len(changed)), random.randrange(len(changed))
            random.choice(_BREAKS)(random, changed, at, to)
    return bytes(changed)


def _swap(_: Random, data: bytearray, at: int, to: int) -> None:
    data[at], data[to] = data[to], data[at]


def _flip(random: Random, data: bytearray, at: int, _: int) -> None:
    data[at] ^= 1 << random.randrange(8)


def _cut(random: Random, data: bytearray, at: int, _: int) -> None:
    del data[at : random.choice([at + 1, at + 20, len(data)])]


def _double(_: Random, data: bytearray, at: int, to: int) -> None:
    data[at:at] = data[to : to + 100]


def _insert(random: Random, data: bytearray, at: int, _: int) -> None:
    strange = bytes(random.choices(b'\x00\r\n :,"{}[]\\\xff0', k=3))
    data[at:at] = random.choice([strange, random.randbytes(1), random.randbytes(40)])


def _end_lines(random: Random, data: bytearray, _at: int, _to: int) -> None:
    data[:] = re.sub(rb"\r\n", lambda _: random.choice([b"\n", b"\r", b"\r\r\n", b"\r\n"]), data)


_BREAKS = (_swap, _flip, _flip, _cut, _double, _insert, _insert, _end_lines)
_Bend = Callable[[_Draft], None]
_BENDS: tuple[_Bend, ...] = (
    _bend_document, _bend_next_page, _bend_text, _bend_status, _be_refused, _bend_headers,
    _bend_length, _bend_chunks, _bend_coding, _bend_all,
)  # fmt: skip
_WEIGHTS = (30, 12, 8, 6, 8, 8, 7, 7, 8, 4)
