"""What a bulk creation is, beside its rows: where it goes, and how its tasks are known again."""

import re
import secrets
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import attrs

from aiotask._checks import plain, shortened

KEY_ATTRIBUTE = "aiotask_key"
"""The attribute that holds a task's key, unless another one is chosen."""

JOB_ATTRIBUTE = "aiotask_job"
"""The attribute that says which bulk creation made a task."""

# What stands in an expression without any doubt about quotes, and is a name in one.
_KEY = re.compile("[0-9A-Za-z_.:@+-]{1,64}")
_NAME = re.compile("[A-Za-z_][0-9A-Za-z_]{0,63}")


def new_job() -> str:
    """Return the name of a new bulk creation: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def derived_key(job: str, number: int) -> str:
    """Return the key of a row by its number: 32 hexadecimal digits, the same on every machine."""
    return blake2b(b"%s\0%d" % (job.encode(), number), digest_size=16).hexdigest()


def checked_key(name: str, key: object) -> str:
    """Return *key* if it can be one; a ValueError says what it has to be."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        wanted = "must be 1 to 64 letters, digits and any of _ . : @ + -"
        raise ValueError(f"{name}: {wanted}, not {shortened(key)}")
    return plain(key)


@attrs.frozen
class Keys:
    """How the rows of a bulk creation are named, so that their tasks can be found again.

    *attribute* is the one that holds a task's key, None where tasks get no key. *row_key* gives a
    row's key; without it, it follows from the row's number.
    """

    attribute: str | None
    row_key: Callable[[Any], str] | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no expression could find."""
        if self.attribute is None:
            if self.row_key is not None:
                raise ValueError("row_key: without a key_attribute there is no place for a key")
        elif not _NAME.fullmatch(self.attribute):
            raise ValueError(
                "key_attribute: must be a name of letters, digits and _, which an expression can "
                f"hold, not {self.attribute!r}"
            )
        elif self.attribute == JOB_ATTRIBUTE:
            raise ValueError(f"key_attribute: {JOB_ATTRIBUTE} is taken already")
        if self.row_key is not None and not callable(self.row_key):
            raise TypeError("row_key is a function of a row")

    def key_of(self, job: str, number: int, row: Any) -> str | None:
        """Return a row's key, or raise a ValueError that says why it cannot be one."""
        if self.attribute is None:
            return None
        if self.row_key is None:
            return derived_key(job, number)
        try:
            key: Any = self.row_key(row)
        except Exception as error:  # the caller's own, about this row alone
            raise ValueError(f"row_key: {type(error).__name__}: {error}") from error
        return checked_key("row_key", key)

    def mark(self, attributes: Any, job: str, key: str | None) -> Any:
        """Return *attributes* with the key and the job in them; those of a row say nothing else."""
        if self.attribute is None or key is None:
            return attributes
        if not isinstance(attributes, Mapping):
            return attributes  # which is refused as it would be without a key
        if attributes.get(self.attribute, key) != key:
            raise ValueError(
                f"attributes: {self.attribute!r} is set already, and the row's key is to be there"
            )
        return {**attributes, self.attribute: key, JOB_ATTRIBUTE: job}
