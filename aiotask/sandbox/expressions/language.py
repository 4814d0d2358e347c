"""Parser of expressions: EvaluateTaskAttributes, TargetWorkers and workflow rules as functions.

Source: Twilio's page on expression syntax; the README has what that page leaves undocumented.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple, Protocol

from aiotask.sandbox.expressions.values import COMPOUND, NULL, OPERATORS, identity


class Attributes(Protocol):
    """The values of an expression's names."""

    def get(self, name: str, /) -> Any:
        """Return a value, None where there is none."""


class View(ABC):
    """A value with nested names that is no JSON object."""

    @abstractmethod
    def get(self, name: str, /) -> Any:
        """Return a value, None where there is none."""


class Scope(View):
    """Attributes under prefixes, as in ``task.language`` and ``worker.language``."""

    def __init__(self, **parts: Attributes) -> None:
        self._parts = parts

    def get(self, name: str, /) -> Any:
        """Return the part with this prefix."""
        return self._parts.get(name)


Test = Callable[[Attributes], bool]
Path = tuple[str | int, ...]
Read = Callable[[Attributes], Any]

_INDEXES = r"(?:\[[0-9]{1,9}\])*"
# Production workflows have worker.routing.levels.988ENsk. A first part of digits is a number.
NAME = rf"[0-9]*[A-Za-z_$][\w$]*{_INDEXES}(?:\.[\w$]+{_INDEXES})*"
"""The pattern of a dotted name, whose parts may begin with a digit; none has a hyphen."""

_MAX_DEPTH = 50  # far from the recursion limit, also under a deep caller
_MAX_DIGITS = 300  # what a float holds; int() of more digits takes quadratic time
# The lookaheads end a number or keyword at a whole word: "INFO" is a name, and "1.2.3" an error.
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?![\w.]))
      | (?P<keyword>(?:AND|OR|NOT|IN|HAS|CONTAINS|TRUE|FALSE|NULL)(?![\w$.-]))
      | (?P<name>"""
    + NAME
    + r""")
      | (?P<sign>==|!=|<=|>=|[<>=()\[\],])
    )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_HYPHENATED = re.compile(rf"{NAME}-[\w$.-]*")
_STEP = re.compile(r"\[(\d+)\]|[^.\[\]]+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONSTANTS: dict[str, Any] = {"TRUE": True, "FALSE": False, "NULL": None}


class ExpressionError(ValueError):
    """A text is not a valid expression."""


class Lookup(NamedTuple):
    """A necessary condition of an expression: an attribute is one of *keys*."""

    name: str
    keys: frozenset[Hashable]


class Expression(NamedTuple):
    """A test of attributes, and the index lookups that can narrow its candidates."""

    test: Test
    lookups: tuple[Lookup, ...] = ()
    paths: frozenset[Path] = frozenset()
    """All names that it reads."""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Operand(NamedTuple):
    """A constant, or a reference when it has a *path*."""

    value: Any
    path: Path = ()


def parse(text: str) -> Expression:
    """Parse an expression."""
    parser = _Parser(text)
    expression = parser.disjunction()
    parser.expect("end", "")
    return expression._replace(paths=frozenset(parser.paths))


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"cannot read {text[at : at + 20].strip()!r} at character {at}")
        kind = match.lastgroup or ""
        written = match[kind]
        if kind == "name":
            check_name(text, match.start(kind))
        yield _Token(kind, written.upper() if kind == "keyword" else written, match.start(kind))
        at = match.end()
    yield _Token("end", "", end)


class _Parser:
    """Recursive descent parser with one token of lookahead; nesting is bounded."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._depth = 0
        self._token = next(self._tokens)
        self.paths: list[Path] = []

    def disjunction(self) -> Expression:
        parts = [self._conjunction()]
        while self._take("keyword", "OR"):
            parts.append(self._conjunction())
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        # No lookups: none of the alternatives is necessary.
        return Expression(lambda attributes: any(test(attributes) for test in tests))

    def expect(self, kind: str, text: str) -> None:
        if not self._take(kind, text):
            wanted = text or "the end"
            raise ExpressionError(
                f"expected {wanted}, not {self._token.text[:40]!r}, at character {self._token.at}"
            )

    def _conjunction(self) -> Expression:
        parts = [self._term()]
        while self._take("keyword", "AND"):
            parts.append(self._term())
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        lookups = tuple(lookup for part in parts for lookup in part.lookups)
        return Expression(lambda attributes: all(test(attributes) for test in tests), lookups)

    def _term(self) -> Expression:
        if not self._take("sign", "("):
            left = self._operand()
            return _comparison(left, self._operator(), self._operand())
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError(f"parentheses are nested more than {_MAX_DEPTH} deep")
        inner = self.disjunction()
        self.expect("sign", ")")
        self._depth -= 1
        return inner

    def _operator(self) -> str:
        token = self._advance()
        text = token.text
        if token.kind == "keyword" and text == "NOT":
            text = f"NOT {self._advance().text}"
        if text not in OPERATORS or token.kind not in ("sign", "keyword"):
            raise ExpressionError(f"expected an operator, not {text!r}, at character {token.at}")
        return text

    def _operand(self) -> _Operand:
        token = self._token
        if token.kind == "name":
            self._advance()
            path = path_of(token.text)
            self.paths.append(path)
            return _Operand(None, path)
        if not self._take("sign", "["):
            return _Operand(self._constant())
        items: list[Any] = []
        while not self._take("sign", "]"):
            if items:
                self.expect("sign", ",")
            items.append(self._constant())
        return _Operand(items)

    def _constant(self) -> Any:
        token = self._advance()
        if token.kind == "text":
            return _ESCAPE.sub(r"\1", token.text[1:-1])
        if token.kind == "number" and len(token.text) <= _MAX_DIGITS:
            return float(token.text) if set(token.text) & set(".eE") else int(token.text)
        if token.kind == "keyword" and token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        raise ExpressionError(f"expected a value, not {token.text[:40]!r}, at character {token.at}")

    def _advance(self) -> _Token:
        token = self._token
        if token.kind != "end":
            self._token = next(self._tokens)
        return token

    def _take(self, kind: str, text: str) -> bool:
        found = self._token.kind == kind and self._token.text == text
        if found:
            self._advance()
        return found


def check_name(text: str, at: int = 0) -> None:
    """Refuse a name with a hyphen; Twilio's page says that expressions do not support them."""
    match = _HYPHENATED.match(text, at)
    if match is not None:
        raise ExpressionError(f"the name {match[0][:40]!r} at character {at} has a hyphen")


def path_of(name: str) -> Path:
    """Return the path of a dotted name."""
    return tuple(int(step[1]) if step[1] else step[0] for step in _STEP.finditer(name))


def reader(path: Path) -> Read:
    """Return a function that reads the value at a path."""
    name, rest = str(path[0]), path[1:]
    if not rest:
        return lambda attributes: attributes.get(name)

    def follow(attributes: Attributes) -> Any:
        found: Any = attributes.get(name)
        for step in rest:
            if isinstance(step, str):
                found = found.get(step) if isinstance(found, dict | View) else None
            else:
                found = found[step] if isinstance(found, list) and step < len(found) else None
        return found

    return follow


def _read(operand: _Operand) -> Read:
    return reader(operand.path) if operand.path else lambda _: operand.value


def _comparison(left: _Operand, operator: str, right: _Operand) -> Expression:
    read = _read(left)
    if operator == "IN" and not right.path and isinstance(right.value, list):
        # A client looks up tasks by a hundred keys at once: a set makes that one hash per task.
        keys = frozenset(identity(item) for item in right.value)
        found = _lookups(left, keys)
        return Expression(lambda attributes: identity(read(attributes)) in keys, found)
    compare, read_right = OPERATORS[operator], _read(right)
    lookups: tuple[Lookup, ...] = ()
    if operator in ("=", "==") and not right.path:
        lookups = _lookups(left, frozenset([identity(right.value)]))
    return Expression(lambda attributes: compare(read(attributes), read_right(attributes)), lookups)


def _lookups(operand: _Operand, keys: frozenset[Hashable]) -> tuple[Lookup, ...]:
    """Return the lookup of a top-level attribute, unless its absence would match."""
    if len(operand.path) != 1 or NULL in keys or COMPOUND in keys:
        return ()
    return (Lookup(str(operand.path[0]), keys),)
