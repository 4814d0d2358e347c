"""Strict JSON: no NaN, no bad UTF-8, no bottomless nesting, and integers of any size stay exact.

The client has such a module too, and the sandbox imports nothing of the client.
"""

from collections.abc import Callable
from typing import Any

import msgspec

dumps: Callable[[Any], bytes] = msgspec.json.Encoder().encode
"""Write a value as JSON."""

_parse = msgspec.json.Decoder().decode


class JsonSyntaxError(ValueError):
    """A text is not JSON."""


def loads(text: bytes | str) -> Any:
    """Return what a text says; a JsonSyntaxError says why it is not JSON."""
    try:
        return _parse(text)
    except RecursionError as error:
        raise JsonSyntaxError("nested too deeply") from error
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise JsonSyntaxError(str(error)) from error
