"""Endpoint interfaces, and the call that they receive."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from aiotask.sandbox.wire.answers import Answer, method_not_allowed, not_found, precondition_failed
from aiotask.sandbox.wire.parameters import Parameters


@dataclass(slots=True)
class Call:
    """One request to an endpoint; *sid* is empty for the collection itself."""

    method: str
    origin: str
    """The scheme and authority of the client's URL, for URLs in the answer."""
    path: str
    """The path without the version, as in error messages."""
    parent: str
    """The absolute URL of the collection's owner."""
    parameters: Parameters
    if_match: str | None = None
    sid: str = ""
    body: bytes = b""
    """The body, for JSON endpoints."""

    @property
    def url(self) -> str:
        """The absolute URL without the query."""
        return f"{self.origin}/v1{self.path}"

    def absent(self) -> Exception:
        """Return the 404 of this call."""
        return not_found(self.path)

    def check_version(self, version: int) -> None:
        """Refuse an If-Match that names another version."""
        # Clients in use send the ETag back with its quotes and without.
        if self.if_match is not None and self.if_match.strip('" ') not in ("*", str(version)):
            raise precondition_failed()


class Endpoint(ABC):
    """The handler of one path."""

    takes_json: ClassVar[bool] = False
    """Whether requests have a JSON body instead of a form."""

    @abstractmethod
    def handle(self, call: Call) -> Answer:
        """Answer a call."""


class Collection(Endpoint):
    """A collection; create, update and delete are refused unless overridden."""

    def special(self, _name: str) -> Endpoint | None:
        """Return the endpoint that stands in place of a sid, such as statistics."""
        return None

    def below(self, _sid: str, _name: str) -> Endpoint | None:
        """Return the endpoint below one of the resources."""
        return None

    def create(self, call: Call) -> Answer:
        """Create a resource."""
        raise method_not_allowed(call.method)

    @abstractmethod
    def fetch(self, call: Call) -> Answer:
        """Return one resource."""

    def update(self, call: Call) -> Answer:
        """Update one resource."""
        raise method_not_allowed(call.method)

    def delete(self, call: Call) -> Answer:
        """Delete one resource."""
        raise method_not_allowed(call.method)

    @abstractmethod
    def list(self, call: Call) -> Answer:
        """Return a page of resources."""

    def handle(self, call: Call) -> Answer:
        """Answer a call on the collection or on one of its resources."""
        match call.method, bool(call.sid):
            case "POST", False:
                return self.create(call)
            case "GET", True:
                return self.fetch(call)
            case "POST", True:
                return self.update(call)
            case "DELETE", True:
                return self.delete(call)
            case "GET", False:
                return self.list(call)
        raise method_not_allowed(call.method)
