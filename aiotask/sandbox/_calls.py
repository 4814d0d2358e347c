"""What an operation is given, and the five verbs that a collection may have."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from aiotask.sandbox._answers import Answer, method_not_allowed, not_found
from aiotask.sandbox._parameters import Parameters


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

    @property
    def url(self) -> str:
        """The absolute URL without its query."""
        return f"{self.origin}/v1{self.path}"

    def absent(self) -> Exception:
        """Return the refusal of a resource that does not exist."""
        return not_found(self.path)


class Collection(ABC):
    """What can be read; the verbs that not every collection has are refused unless overridden."""

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
