"""Meaning of expressions and configurations: one form for all ways to write the same."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aiotask.blueprint.references import QUEUE

_KEYWORDS = "AND|OR|NOT|IN|HAS|CONTAINS"
# A reference is one token, whatever its name has in it; so is a name with its indexes, and a number
# with its sign, so that tokens with blanks between them are an expression again.
_TOKEN = re.compile(
    r"""\{\w+:(?:[^{}]|\{\{|\}\})+\}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|==|!=|<=|>="""
    r"|(?i:" + _KEYWORDS + r")(?![\w$.])|[+-]?[\w$](?:[\w$.]|\[[0-9]+\])*|\S",
    re.DOTALL,
)
_KEYWORD = re.compile(_KEYWORDS, re.IGNORECASE)
_CONSTANT = re.compile("true|false|null", re.IGNORECASE)
_DIRECTION = re.compile("asc|desc", re.IGNORECASE)
_DIGITS = re.compile(r"\d{1,10}", re.ASCII)
_NUMBERS = ("priority", "timeout")
_EXPRESSIONS = ("expression", "skip_if")
_ORDER = "order_by"
_MAY_BE_EMPTY = (*_EXPRESSIONS, _ORDER, "known_worker_sid", "known_worker_friendly_name")


def tokens(expression: str) -> list[str]:
    """Return the tokens of an expression, with quotes and keywords written in one way."""
    return [_token(text) for text in _TOKEN.findall(expression)]


def _token(text: str) -> str:
    if text[0] == "'" and '"' not in text:
        return f'"{text[1:-1]}"'
    if _CONSTANT.fullmatch(text):
        return text.lower()
    return text.upper() if _KEYWORD.fullmatch(text) else text


def expression_meaning(expression: Any) -> Any:
    """Return an expression as a text that is equal for every way to write it."""
    return " ".join(tokens(expression)) if isinstance(expression, str) else expression


def configuration_meaning(configuration: Any) -> Any:
    """Return a configuration with every number as a number, and every queue where it counts.

    What is not as documented stays as it is.
    """
    if not isinstance(configuration, Mapping):
        return configuration
    meaning = _present(configuration)
    routing = meaning.get("task_routing")
    if isinstance(routing, Mapping):
        meaning["task_routing"] = routing = _present(routing)
        if routing.get("filters") == []:
            del routing["filters"]
        if isinstance(routing.get("filters"), list | tuple):
            routing["filters"] = [_filter(each) for each in routing["filters"]]
        if isinstance(routing.get("default_filter"), Mapping):
            routing["default_filter"] = _present(routing["default_filter"])
    return meaning


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _filter(rule: Any) -> Any:
    if not isinstance(rule, Mapping):
        return rule
    meaning = _step(rule)
    if isinstance(meaning.get("targets"), list | tuple):
        meaning["targets"] = [*_targets(meaning["targets"])]
    return meaning


def _targets(targets: Any) -> Iterator[Any]:
    queue = None
    for target in targets:
        if not isinstance(target, Mapping):
            yield target
            continue
        meaning = _step(target)
        # A target without a queue has that of its predecessor.
        queue = meaning.get(QUEUE) or queue
        yield meaning if queue is None else {**meaning, QUEUE: queue}


def _step(members: Mapping[str, Any]) -> dict[str, Any]:
    meaning = {
        name: value
        for name, value in _present(members).items()
        if value != "" or name not in _MAY_BE_EMPTY
    }
    for name in _NUMBERS:
        value = meaning.get(name)
        # Twilio's own documents write many numbers as text.
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            meaning[name] = int(value)
    for name in _EXPRESSIONS:
        if name in meaning:
            meaning[name] = expression_meaning(meaning[name])
    if isinstance(meaning.get(_ORDER), str):
        read = tokens(meaning[_ORDER])
        meaning[_ORDER] = " ".join(
            token.upper() if _DIRECTION.fullmatch(token) else token for token in read
        )
    return meaning
