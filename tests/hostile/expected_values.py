"""The texts by which objects and errors are logged, dumped and reported."""

import asyncio
import pickle
import pprint
import traceback
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import FunctionType, ModuleType

from aiotask import AiotaskError
from tests.conftest import ACCOUNT

KEY = "SK" + "1" * 32
TOKEN = "secret-token"  # of the `serve` fixture's client
SECRETS = [TOKEN, *(b64encode(f"{user}:{TOKEN}".encode()).decode() for user in (ACCOUNT, KEY))]
PERSONAL = "Personal"  # from the attributes that every_verb sends
REDACTED = "'Authorization': '***'"

_PLAIN = str | bytes | int | float | None
_NOT_OURS = type | ModuleType | FunctionType | asyncio.AbstractEventLoop


def secrets_in(text: str, *more: str) -> list[str]:
    return [secret for secret in (*SECRETS, *more) if secret in text]


def _members(thing: object) -> Iterator[object]:
    yield from getattr(thing, "__dict__", {}).values()
    for kind in type(thing).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            with suppress(AttributeError):
                yield getattr(thing, name)
    if isinstance(thing, Mapping):
        yield from (*thing, *thing.values())
    elif isinstance(thing, list | tuple | set | frozenset | deque):
        yield from thing


def shown_by(*things: object) -> str:
    """Return what things show, and all that is in their variables, slots and items, at any depth.

    Of a text that is its repr: so it stands in the vars, or the dump, of what holds it.
    """
    seen: dict[int, object] = {}
    left = list(things)
    shown: list[str] = []
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, _NOT_OURS):
            continue
        seen[id(thing)] = thing
        shown.append(repr(thing))
        if not isinstance(thing, _PLAIN):
            shown.append(f"{thing} {thing!s} {getattr(thing, '__dict__', '')!r}")
            shown.append(pprint.pformat(thing))
            left += _members(thing)
    return "\n".join(shown)


def _led_to(error: BaseException) -> list[BaseException]:
    led = [error]
    for each in led:  # which grows meanwhile
        for one in (each.__cause__, each.__context__):
            if one is not None and one not in led:
                led.append(one)
    return led


def words_of(error: BaseException) -> str:
    """Return what an error and all that led to it say and hold."""
    return "\n".join(f"{each} {each!r} {each.args!r} {vars(each)!r}" for each in _led_to(error))


def frames_of(error: BaseException) -> str:
    """Return the tracebacks of an error and of all that led to it, with the frames' variables."""
    traces = (
        traceback.TracebackException.from_exception(each, capture_locals=True)
        for each in _led_to(error)
    )
    return "".join(line for trace in traces for line in trace.format())


def check(error: BaseException, *, sent: bool = True) -> None:
    """Prove that neither an error, nor what led to it, nor a frame of theirs shows a secret."""
    frames = frames_of(error)
    assert secrets_in(words_of(error), PERSONAL) == []
    assert secrets_in(frames) == []
    if sent:  # there was something to be seen
        assert REDACTED in frames
    if isinstance(error, AiotaskError):
        assert secrets_in(pickle.dumps(error).decode("latin-1"), PERSONAL) == []
