"""Modules of optional extras, or a clear error where one is not installed."""

from importlib import import_module
from typing import Any

from aiotask.cli.errors import WrongUsageError


def extra(modules: tuple[str, ...], name: str, what: str) -> Any:
    """Return the first of *modules* that there is; *what* is read needs the extra *name*."""
    for module in modules:
        try:
            return import_module(module)
        except ImportError:
            continue
    raise WrongUsageError(f"{what} needs an extra: pip install 'aiotask[{name}]'")
