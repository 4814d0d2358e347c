"""Keys of rows: the attribute that identifies a row's task, and the name of the job."""

import re
import secrets
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Literal, get_args

import attrs

from aiotask._checks import plain, shortened

KEY_ATTRIBUTE = "aiotask_key"
"""The attribute that holds a task's key, unless another one is chosen."""

JOB_ATTRIBUTE = "aiotask_job"
"""The attribute that names the job that created a task."""

ROW_ATTRIBUTE = "aiotask_row"
"""The attribute that holds the number of a row that has a key of its own."""

Scope = Literal["job", "workspace"]

# A key needs no quoting in an expression, and an attribute is a name in one.
_KEY = re.compile("[0-9A-Za-z_.:@+-]{1,64}")
_NAME = re.compile("[A-Za-z_][0-9A-Za-z_]{0,63}")


def new_job() -> str:
    """Return the name of a new job: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def derived_key(job: str, number: int) -> str:
    """Return the key of a numbered row: 32 hexadecimal digits, the same on every machine."""
    return blake2b(b"%s\0%d" % (job.encode(), number), digest_size=16).hexdigest()


def checked_key(name: str, key: object) -> str:
    """Return *key* if it is valid; a ValueError says what it has to be."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        wanted = "must be 1 to 64 letters, digits and any of _ . : @ + -"
        raise ValueError(f"{name}: {wanted}, not {shortened(key)}")
    return plain(key)


def taken(name: str, key: object, number: int) -> ValueError:
    """Return the error of a row whose key, called *name*, another one has."""
    return ValueError(f"{name}: {key!r} is the key of row {number:,} already")


@attrs.frozen
class Keys:
    """The rule that gives each row its key, by which its task is found again.

    *attribute* holds a task's key; with None, tasks get no key. *row_key* returns a row's key;
    without it, the key is derived from the job and the row's number. In the scope ``"job"``, a task
    is a row's if it also carries the job's name and, with a *row_key*, the row's number; in the
    scope ``"workspace"``, a key names one task for ever, whichever job created it.
    """

    attribute: str | None
    row_key: Callable[[Any], str] | None = None
    scope: Scope = "job"
    name: str = "row_key"
    """What the caller calls the row's key, in messages."""

    def __attrs_post_init__(self) -> None:
        """Refuse an attribute that no expression could name."""
        if self.attribute is None:
            if self.row_key is not None:
                raise ValueError("row_key: needs a key_attribute to hold the key")
        elif not _NAME.fullmatch(self.attribute):
            raise ValueError(
                "key_attribute: must be a name of letters, digits and _, which an expression can "
                f"hold, not {self.attribute!r}"
            )
        elif self.attribute in (JOB_ATTRIBUTE, ROW_ATTRIBUTE):
            raise ValueError(f"key_attribute: {self.attribute} is taken already")
        if self.scope not in get_args(Scope):
            raise ValueError(f"keys: must be one of {', '.join(get_args(Scope))}")
        if self.scope == "workspace" and self.row_key is None:
            raise ValueError("keys: in the scope of a workspace, rows need a row_key")
        if self.row_key is not None and not callable(self.row_key):
            raise TypeError("row_key is a function of a row")

    def key_of(self, job: str, number: int, row: Any) -> str | None:
        """Return a row's key; a ValueError says why it has none."""
        if self.attribute is None:
            return None
        if self.row_key is None:
            return derived_key(job, number)
        try:
            key: Any = self.row_key(row)
        except Exception as error:  # the caller's own, about this row alone
            kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
            raise ValueError(f"{self.name}: {kind}{error}") from error
        return checked_key(self.name, key)

    @property
    def has_own(self) -> bool:
        """Whether rows have keys that do not follow from their numbers."""
        return self.row_key is not None

    def taken(self, row: Any, key: object, number: int) -> ValueError:  # noqa: ARG002 - for others
        """Return the error of a row whose key another one has."""
        return taken(self.name, key, number)

    def mark(self, attributes: Any, job: str, number: int, key: str | None) -> Any:
        """Return *attributes* with key, job and row added; other values there are a ValueError."""
        if self.attribute is None or key is None:
            return attributes
        if type(attributes) is not dict and not isinstance(attributes, Mapping):
            return attributes  # the encoding refuses it, as without a key
        marks: dict[str, str | int] = {self.attribute: key, JOB_ATTRIBUTE: job}
        if self.row_key is not None and self.scope == "job":
            marks[ROW_ATTRIBUTE] = number
        for name, value in marks.items():
            if attributes.get(name, value) != value:
                raise ValueError(f"attributes: {name!r} is set already, but aiotask has to set it")
        return {**attributes, **marks}
