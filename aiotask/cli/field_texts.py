"""Descriptions of fields: the text below each of them in its class, which editors show as well."""

import ast
import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import is_typeddict

import attrs

_ROLE = re.compile(r":\w+:`~?([^`]+)`")


@cache
def field_texts(kind: type) -> Mapping[str, str]:
    """Return the description of every field of a TypedDict or an attrs class, by its name.

    They are read from the source, since Python does not keep them; where it is missing, there are
    none.
    """
    definition = _classes(kind.__module__).get(kind.__name__)
    if definition is None:
        return {}
    texts: dict[str, str] = {}
    names = vars(sys.modules[kind.__module__])
    # A TypedDict does not know its bases before Python 3.12. The first of them goes before others.
    for base in reversed(definition.bases):
        name = base.value if isinstance(base, ast.Subscript) else base
        parent = names.get(name.id) if isinstance(name, ast.Name) else None
        if is_typeddict(parent) or (isinstance(parent, type) and attrs.has(parent)):
            texts |= field_texts(parent)
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=named)), ast.Expr(ast.Constant(str(words))):
                texts[named] = _plain(words)
    return texts


@cache
def _classes(module: str) -> Mapping[str, ast.ClassDef]:
    """Return the definitions of the classes of a module, none where it has no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:
        return {}
    return {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}


def _plain(words: str) -> str:
    """Return a docstring as a text of one line, without its markup."""
    return _ROLE.sub(r"\1", " ".join(words.split())).replace("``", "")
