"""What must not be shown."""

from typing import NoReturn


class SecretText(str):
    """A text that must not be shown: reprs, and so tracebacks with locals, have stars instead."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials do not pickle")
