"""Roles in docstrings, such as those of classes, as code: the guide is not made by Sphinx."""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|meth|attr|func|mod|exc):`~?([^`]+)`")


class Roles(griffe.Extension):
    """Rewrites the docstrings of all that is loaded."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = plain(obj.docstring.value)


def plain(text: str) -> str:
    """Return a docstring as Markdown: names as code, and a block after a colon."""
    return _ROLE.sub(lambda role: f"`{role[1].rpartition('.')[2]}`", text).replace("::\n", ":\n")
