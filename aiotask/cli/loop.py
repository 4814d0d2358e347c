"""Event loop of the command line: uvloop where the extra ``speed`` is installed."""

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* in a loop of its own, and return its result."""
    uvloop = _uvloop()
    factory = None if uvloop is None else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def loop_name() -> str:
    """Return which event loop the commands run in."""
    uvloop = _uvloop()
    return "asyncio" if uvloop is None else f"uvloop {uvloop.__version__}"


def _uvloop() -> ModuleType | None:
    try:
        return import_module("uvloop")
    except ImportError:  # not installed, or not for this system
        return None
