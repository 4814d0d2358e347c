"""Tree of the client as the command line sees it: each operation, found in the contexts' types.

An operation of ``workspace.worker.reservations`` is a command ``workers reservations``: a place
gives its plural, and its sid is an argument. What is in a workspace has a name of its own, and the
statistics of one belong to its place.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from types import FunctionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from aiotask._collection import Collection, Singleton
from aiotask.autopilot.api import Autopilot
from aiotask.taskrouter import TaskRouter

VERBS = ("list", "create", "fetch", "update", "delete")
WORKSPACE = "workspace"


class Operation(NamedTuple):
    """An operation by its way in the tree, and its method, a function of a class."""

    way: tuple[str, ...]
    verb: str
    kind: type
    method: Callable[..., Any]

    @property
    def places(self) -> tuple[str, ...]:
        """The places on the way whose sids are arguments: not the workspace, if more follows."""
        held = [each for each in self.way[:-1] if each in PLACES and each != WORKSPACE]
        return tuple(held) if held or not self.is_of_workspace else (WORKSPACE,)

    @property
    def is_of_workspace(self) -> bool:
        """Whether these are the statistics of a workspace itself."""
        return self.way[:-1] == (WORKSPACE,) and not self.is_collection

    @property
    def is_collection(self) -> bool:
        """Whether there are several of its resource, which have verbs."""
        return issubclass(self.kind, Collection) and hasattr(self.kind, "fetch")

    @property
    def takes_sid(self) -> bool:
        """Whether it is about one resource of a collection."""
        return self.verb in ("fetch", "update", "delete") and self.is_collection

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command."""
        held = tuple(f"{place}s" for place in self.places)
        # A collection may have statistics of all its resources.
        above = tuple(step for step in self.way[:-1] if step not in PLACES)
        verb = (self.verb,) if self.is_collection else ()
        words = (*held, *above, self.way[-1], *verb)
        return tuple(word.replace("_", "-") for word in words)

    @property
    def shape(self) -> type | None:
        """The TypedDict of its fields, None where it takes none."""
        for name, parameter in inspect.signature(self.method).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                (shape,) = get_args(get_type_hints(self.method)[name])
                return shape  # type: ignore[no-any-return]  # the argument of an Unpack
        return None

    @property
    def has_etag(self) -> bool:
        """Whether it may be told to act only on a version of its resource."""
        return "if_match" in inspect.signature(self.method).parameters


def operations() -> Iterator[Operation]:
    """Yield every operation of the tree."""
    for root in (TaskRouter, Autopilot):
        yield from _below(root, ())


def _below(context: Any, way: tuple[str, ...]) -> Iterator[Operation]:
    for name, member in inspect.getmembers_static(context):
        if name.startswith("_"):
            continue
        if isinstance(member, cached_property):
            kind = _returned(member.func)
            if issubclass(kind, Collection | Singleton):
                yield from _verbs(kind, (*way, name))
                yield from _below(kind, (*way, name))
        elif isinstance(member, FunctionType) and name in PLACES:
            yield from _below(_returned(member), (*way, name))


def _verbs(kind: type, way: tuple[str, ...]) -> Iterator[Operation]:
    for verb in VERBS:
        if (method := getattr(kind, verb, None)) is not None:
            yield Operation(way, verb, kind, method)


def _returned(function: Callable[..., Any]) -> Any:
    hint = get_type_hints(function)["return"]
    return get_origin(hint) or hint


PLACES = ("workspace", "task", "workflow", "task_queue", "worker", "assistant")
