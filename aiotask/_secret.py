"""Strings and bytes whose repr is masked."""

from typing import NoReturn


class SecretText(str):
    """A string with a masked repr, so that tracebacks with locals do not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials do not pickle")


class SecretBytes(bytes):
    """Bytes with a masked repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"
