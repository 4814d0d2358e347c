"""Shape of rows: what field or attribute each name of an input stands for, and what is added."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from aiotask._json import JsonSyntaxError, loads
from aiotask.cli.importing.row_kinds import NEW_TASKS, RowKind
from aiotask.cli.options import unknown_field, value_of

Path = tuple[str, ...]

ATTRIBUTES = "attributes"


@attrs.frozen(kw_only=True)
class Shaping:
    """What the options say of an input's columns, a name of a row of JSON being one as well.

    *mapped* gives columns other places, or none; *fixed* are the values that every row gets. Of
    *json_columns*, the text is JSON where it becomes an attribute.
    """

    columns_as_attributes: bool = False
    mapped: Mapping[str, Path | None] = attrs.field(factory=dict)
    fixed: Sequence[tuple[Path, Any]] = ()
    json_columns: frozenset[str] = frozenset()
    key_column: str | None = None

    @property
    def names(self) -> set[str]:
        """The columns that there have to be."""
        keys = set() if self.key_column is None else {self.key_column}
        return {*self.mapped, *self.json_columns, *keys}


def place_of(kind: RowKind, text: str) -> Path:
    """Return the place that *text* names: a field, or an attribute like ``attributes.a.b``."""
    path = tuple(text.split(".")) if text.startswith(f"{ATTRIBUTES}.") else (text,)
    if path[0] not in kind.fields:
        raise ValueError(unknown_field(text, tuple(kind.fields)))
    if not all(path):
        raise ValueError(f"{text}: an attribute needs a name")
    return path


def mapping(kind: RowKind, words: Iterable[str]) -> dict[str, Path | None]:
    """Return what ``COLUMN=PLACE`` says, each; without a place, a column is left out."""
    mapped: dict[str, Path | None] = {}
    for word in words:
        column, equals, place = word.rpartition("=")
        if not equals or not column:
            raise ValueError(f"must be like phone=attributes.phone, not {word!r}")
        if column in mapped:
            raise ValueError(f"{column} is there twice")
        mapped[column] = place_of(kind, place) if place else None
    return mapped


def fixed_values(kind: RowKind, words: Iterable[str]) -> list[tuple[Path, Any]]:
    """Return what ``PLACE=VALUE`` says, each: a field as text, an attribute as JSON."""
    fixed: dict[Path, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"must be like priority=5, not {word!r}")
        path = place_of(kind, name)
        try:
            value = value_of(kind.fields[name], text) if len(path) == 1 else loads(text)
        except JsonSyntaxError:
            hint = f"""; text is written as '{name}="{text}"'""" if '"' not in text else ""
            raise ValueError(f"{name}: is not JSON: {text}{hint}") from None
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        for other in fixed:
            if _overlap(path, other):
                raise ValueError(f"{'.'.join(other)} and {name} cannot both be set")
        fixed[path] = value
    return [*fixed.items()]


def _overlap(one: Path, two: Path) -> bool:
    shorter = min(len(one), len(two))
    return one[:shorter] == two[:shorter]


class RowShape:
    """The shape of the rows of one input."""

    def __init__(self, kind: RowKind = NEW_TASKS, shaping: Shaping | None = None) -> None:
        self.kind = kind
        self._shaping = Shaping() if shaping is None else shaping
        self._is_plain = self._shaping == Shaping()

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raise a ValueError if columns of these names cannot be read."""
        for position, column in enumerate(columns):
            if column in columns[:position]:
                raise ValueError(f"two columns are named {column}")
        for name in sorted(self._shaping.names):
            if name not in columns:
                raise ValueError(f"there is no column {name}")
        places: dict[Path, str] = {}
        others = []
        for column in columns:
            path, is_placed = self._place(column)
            if not is_placed:
                others.append(column)
            elif path is not None:
                for other, name in places.items():
                    both = path == other or ((len(path) > 1 < len(other)) and _overlap(path, other))
                    if both:
                        raise ValueError(
                            f"{name} and {column} are both {'.'.join(min(path, other))}"
                        )
                places[path] = column
        listed = dict.fromkeys([*others, *(name for path in places for name in path[:1])])
        self.kind.is_listed({**listed, **({"sid": None} if "sid" in columns else {})})

    def key(self, row: Mapping[str, Any]) -> Any:
        """Return the key of a row; a ValueError if it has none."""
        column = self._shaping.key_column
        value = row.get(column or "")
        if value is None or value == "":
            raise ValueError(f"{column} is empty")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def fields(self, row: dict[str, Any], *, cells: bool) -> dict[str, Any]:
        """Return the fields of a row; *cells* are text that has yet to be read.

        A ValueError says what is wrong.
        """
        if not self._is_plain or not row.keys() <= self.kind.fields.keys():
            return self._shaped(row, cells=cells)
        return {name: self._read(name, name, row[name], cells=cells) for name in row}

    def _place(self, name: str) -> tuple[Path | None, bool]:
        """Return the place of a column, None for nowhere, and whether it has one of its own."""
        shaping = self._shaping
        if name in shaping.mapped:
            return shaping.mapped[name], True
        if name in self.kind.fields:
            return (name,), True
        if name.startswith(f"{ATTRIBUTES}.") and ATTRIBUTES in self.kind.fields:
            return place_of(self.kind, name), True
        if shaping.columns_as_attributes:
            return (ATTRIBUTES, name), True
        return None, name == shaping.key_column

    def _shaped(self, row: Mapping[str, Any], *, cells: bool) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        nested: list[tuple[str, Path, Any]] = []
        others: dict[str, Any] = {}
        for name, value in row.items():
            path, is_placed = self._place(name)
            if not is_placed:
                others[name] = value
            elif path is None:
                continue
            elif path[1:]:
                nested.append((name, path, self._attribute(name, value)))
            else:
                field = path[0]
                if field in fields:
                    raise ValueError(f"{name}: {field} is there already")
                fields[field] = value if name == field else _Named(name, value)
        if others:
            names = {**others, **fields}
            if self.kind.is_listed(names):
                fields = self.kind.renewed(names)
        fields = {name: self._read_named(name, fields[name], cells=cells) for name in fields}
        for name, path, value in nested:
            _put(fields, path, value, name)
        for path, value in self._shaping.fixed:
            _put(fields, path, value, None)
        return fields

    def _attribute(self, name: str, value: Any) -> Any:
        if name not in self._shaping.json_columns or not isinstance(value, str):
            return value
        try:
            return loads(value)
        except JsonSyntaxError as error:
            raise ValueError(f"{name}: is not JSON: {error}") from error

    def _read_named(self, field: str, value: Any, *, cells: bool) -> Any:
        if isinstance(value, _Named):
            return self._read(value.name, field, value.value, cells=cells)
        return self._read(field, field, value, cells=cells)

    def _read(self, name: str, field: str, value: Any, *, cells: bool) -> Any:
        kind = self.kind.fields[field]
        if not cells and not (kind is datetime and isinstance(value, str)):
            return value
        try:
            if isinstance(value, str):
                return value_of(kind, value)
            return _typed(kind, value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


@attrs.frozen
class _Named:
    """A value from a column of another name than its field."""

    name: str
    value: Any


def _typed(kind: Any, value: Any) -> Any:
    """Return the value of a cell that has a type of its own."""
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _put(fields: dict[str, Any], path: Path, value: Any, column: str | None) -> None:
    """Put a value at its place; that of a *column* must not be there already."""
    inner = fields
    for depth, step in enumerate(path[:-1], 1):
        present = inner.get(step)
        if present is not None and not isinstance(present, dict):
            where = ".".join(path[:depth])
            raise ValueError(f"{column or '.'.join(path)}: {where} is not an object")
        inner[step] = inner = dict(present or {})
    if column is not None and path[-1] in inner:
        raise ValueError(f"{column}: {'.'.join(path)} is there already")
    inner[path[-1]] = value
