"""What an operation is given, and what lies at a path: a collection of five verbs, or less."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from aiotask.sandbox.wire.answers import Answer, method_not_allowed, not_found, precondition_failed
from aiotask.sandbox.wire.parameters import Parameters


@dataclass(slots=True)
class Call:
    """One request to one collection; *sid* is empty where the collection itself is meant."""

    method: str
    origin: str
    """The scheme and authority that the client used, for the URLs in the answer."""
    path: str
    """The path below the version, as errors name it."""
    parent: str
    """The absolute URL of what holds the collection."""
    parameters: Parameters
    if_match: str | None = None
    sid: str = ""
    body: bytes = b""
    """What was sent, where it is no form."""

    @property
    def url(self) -> str:
        """The absolute URL without its query."""
        return f"{self.origin}/v1{self.path}"

    def absent(self) -> Exception:
        """Return the refusal of a resource that does not exist."""
        return not_found(self.path)

    def check_version(self, version: int) -> None:
        """Refuse an If-Match that names another version.

        Seen in use: clients send the version back with its quotes and without.
        """
        if self.if_match is not None and self.if_match.strip('" ') not in ("*", str(version)):
            raise precondition_failed()


class Endpoint(ABC):
    """What lies at a path."""

    takes_json: ClassVar[bool] = False
    """Whether what is sent to it is JSON, and not a form."""

    @abstractmethod
    def handle(self, call: Call) -> Answer:
        """Do what the method means here."""


class Collection(Endpoint):
    """What can be read; the verbs that not every collection has are refused unless overridden."""

    def special(self, _name: str) -> Endpoint | None:
        """Return what lies where the sid of a resource would, as statistics of all of them."""
        return None

    def below(self, _sid: str, _name: str) -> Endpoint | None:
        """Return what lies below one of the resources."""
        return None

    def create(self, call: Call) -> Answer:
        """Add a resource."""
        raise method_not_allowed(call.method)

    @abstractmethod
    def fetch(self, call: Call) -> Answer:
        """Return one resource."""

    def update(self, call: Call) -> Answer:
        """Change one resource."""
        raise method_not_allowed(call.method)

    def delete(self, call: Call) -> Answer:
        """Remove one resource."""
        raise method_not_allowed(call.method)

    @abstractmethod
    def list(self, call: Call) -> Answer:
        """Return a page of resources."""

    def handle(self, call: Call) -> Answer:
        """Do what the method means on the collection or on one of its resources."""
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
