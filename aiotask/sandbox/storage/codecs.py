"""JSON codecs of resources, derived from the annotations of their fields.

A new field of a resource is saved without further code if its type is a JSON scalar, a resource
(saved as its sid), a dataclass, a named tuple, or a list, tuple, set or string-keyed mapping of
those. Any other type is an error at import, when the plan is made.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from itertools import repeat
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

Find = Callable[[str], Any]
"""Returns the resource that has a sid."""

_PLAIN = (str, int, float, bool, NoneType)
_LISTS = (list, tuple, set, frozenset)


class Codec(NamedTuple):
    """A pair of functions: value to JSON, and JSON to value."""

    write: Callable[[Any], Any]
    read: Callable[[Any, Find], Any]


class Plan:
    """The codecs of the fields of one class."""

    def __init__(self, kind: type, codecs: Mapping[str, Codec | None]) -> None:
        self._kind = kind
        self._names = tuple(codecs)
        self._codecs = [(name, codec) for name, codec in codecs.items() if codec is not None]

    def write(self, item: Any) -> dict[str, Any]:
        """Return the JSON of an item."""
        values = {name: getattr(item, name) for name in self._names}
        for name, codec in self._codecs:
            values[name] = codec.write(values[name])
        return values

    def values(self, saved: dict[str, Any], find: Find) -> dict[str, Any]:
        """Decode the *saved* values."""
        for name, codec in self._codecs:
            if name in saved:
                saved[name] = codec.read(saved[name], find)
        return saved

    def read(self, saved: dict[str, Any], find: Find) -> Any:
        """Return the *saved* item; a field that was not saved gets its default."""
        return self._kind(**self.values(saved, find))


class Planner:
    """Makes plans; *references* are saved as sids, other classes by their *codecs*."""

    def __init__(self, references: Collection[type], codecs: Mapping[type, Codec]) -> None:
        self._references = references
        self._given = codecs

    def plan(self, kind: type) -> Plan:
        """Return the plan of a dataclass or named tuple, without its derived fields."""
        hints = get_type_hints(kind)
        if is_dataclass(kind):
            names = [field.name for field in fields(kind) if not field.metadata.get("derived")]
        else:
            names = list(getattr(kind, "_fields", ()))
        codecs: dict[str, Codec | None] = {}
        for name in names:
            try:
                codecs[name] = self._codec(hints[name])
            except TypeError as error:
                raise TypeError(f"{kind.__name__}.{name} is neither saved nor derived") from error
        return Plan(kind, codecs)

    def _codec(self, hint: Any) -> Codec | None:
        """Return the codec of a type; None if its values are JSON already."""
        origin, inner = get_origin(hint), get_args(hint)
        if origin is None:
            return None if hint in _PLAIN else self._whole(hint)
        if origin in (Union, UnionType):
            return self._optional([part for part in inner if part is not NoneType])
        if origin in _LISTS:
            return self._listed(origin, inner)
        if origin is Literal:
            return None
        if issubclass(origin, Mapping):
            return self._mapped(inner)
        raise TypeError(f"cannot save a {hint}")

    def _whole(self, hint: Any) -> Codec:
        """Return the codec of a class."""
        if hint in self._references:
            return Codec(_sid, _referred)
        if hint in self._given:
            return self._given[hint]
        if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
            plan = self.plan(hint)
            return Codec(plan.write, plan.read)
        raise TypeError(f"cannot save a {hint}")

    # A union must be told apart by its JSON: a resource or null can be, two resources cannot.
    def _optional(self, kinds: list[Any]) -> Codec | None:
        codecs = [self._codec(kind) for kind in kinds]
        (codec, *others) = codecs
        if not any(codecs):
            return None
        if codec is None or others:
            raise TypeError(f"cannot tell {kinds} apart")
        return Codec(partial(_write_optional, codec), partial(_read_optional, codec))

    def _listed(self, origin: Callable[[Any], Any], inner: tuple[Any, ...]) -> Codec:
        fixed = origin is tuple and inner[-1] is not Ellipsis
        codecs = [self._codec(kind) for kind in (inner if fixed else inner[:1])]

        def write(value: Any) -> list[Any]:
            return [_write(codec, part) for codec, part in _paired(value)]

        def read(saved: Any, find: Find) -> Any:
            return origin([_read(codec, part, find) for codec, part in _paired(saved)])

        def _paired(parts: Any) -> Any:
            return zip(codecs if fixed else repeat(codecs[0]), parts, strict=False)

        return Codec(write, read)

    def _mapped(self, inner: tuple[Any, ...]) -> Codec:
        key, kind = inner
        codec = self._codec(kind)
        if key is not str:
            raise TypeError(f"cannot save keys that are {key}")

        def write(value: Any) -> dict[str, Any]:
            return {name: _write(codec, part) for name, part in value.items()}

        def read(saved: Any, find: Find) -> dict[str, Any]:
            return {name: _read(codec, part, find) for name, part in saved.items()}

        return Codec(write, read)


def _sid(item: Any) -> str:
    sid: str = item.sid
    return sid


def _referred(sid: Any, find: Find) -> Any:
    return find(sid)


def _write(codec: Codec | None, value: Any) -> Any:
    return value if codec is None else codec.write(value)


def _read(codec: Codec | None, saved: Any, find: Find) -> Any:
    return saved if codec is None else codec.read(saved, find)


def _write_optional(codec: Codec, value: Any) -> Any:
    return None if value is None else codec.write(value)


def _read_optional(codec: Codec, saved: Any, find: Find) -> Any:
    return None if saved is None else codec.read(saved, find)
