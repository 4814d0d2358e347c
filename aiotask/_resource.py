"""Base class of resources: what the service has added to them since."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Resource:
    """A resource, with the members that its class does not know."""

    # The slot stays empty as a rule, which costs nothing when a resource is made.
    __slots__ = ("_extra",)
    _extra: dict[str, Any]

    @property
    def extra(self) -> Mapping[str, Any]:
        """What the service says besides the documented fields, by its own names, decoded from JSON.

        It is empty as a rule. One answer of each kind is looked through each second, and every one
        as soon as one of its kind had more; so the first of many may lack it. It is no part of the
        resource's equality, nor of what ``to_dict`` gives.
        """
        try:
            return MappingProxyType(self._extra)
        except AttributeError:
            return _NOTHING

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.__getstate__(), dict(self.extra))


_put = Resource.__dict__["_extra"].__set__


def put_extra(resource: Resource, extra: dict[str, Any]) -> None:
    """Set what a resource has besides, though it is frozen: nobody has it yet."""
    if extra:
        _put(resource, extra)


def _rebuilt(kind: type[Any], state: Any, extra: dict[str, Any]) -> Any:
    resource: Any = object.__new__(kind)
    resource.__setstate__(state)
    put_extra(resource, extra)
    return resource
