"""Generic collection endpoints on top of a store."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import dropwhile, islice
from typing import Any, ClassVar, Generic, TypeVar

from aiotask.sandbox.api.endpoint import Call, Collection
from aiotask.sandbox.api.paging import Page, answer_page
from aiotask.sandbox.model.account import Account
from aiotask.sandbox.model.store import Resource, Store
from aiotask.sandbox.wire.answers import NO_CONTENT, Answer, answer, invalid_page_token
from aiotask.sandbox.wire.parameters import Parameters

R = TypeVar("R", bound=Resource)
Render = Callable[[R, str], dict[str, Any]]


class ReadOnlyCollection(Collection, Generic[R]):
    """A collection with fetch and list."""

    key: ClassVar[str]
    """The key of the items in a page."""
    filters: ClassVar[Mapping[str, str]] = {}
    """List parameters that compare an attribute with a text."""
    etags: ClassVar[bool] = False
    """Whether answers have an ETag, and changes obey If-Match."""

    def __init__(self, store: Store[R], workspace_sid: str = "") -> None:
        self.store = store
        self.account: Account = store.account
        self.workspace_sid = workspace_sid

    @abstractmethod
    def render(self, item: R, parent: str) -> dict[str, Any]:
        """Return the fields of an answer; *parent* is the URL of the workspace or owner."""

    def items(self) -> Mapping[str, R]:
        """Return the readable items by sid."""
        return self.store.items

    def named(self, name: str) -> R | None:
        """Return the item with a sid (or other name) from the path."""
        return self.items().get(name)

    def find(self, call: Call) -> R:
        """Return the item of a call, or refuse with 404."""
        item = self.named(call.sid)
        if item is None:
            raise call.absent()
        return item

    def matched(self, call: Call) -> R:
        """Return the item of a call; refuse if If-Match names another version."""
        item = self.find(call)
        if self.etags:
            call.check_version(item.version)
        return item

    def answer(self, call: Call, status: int, item: R) -> Answer:
        """Return the answer that holds one item."""
        version = item.version if self.etags else None
        return answer(status, self.render(item, call.parent), version=version)

    def fetch(self, call: Call) -> Answer:
        """Return one item."""
        return self.answer(call, 200, self.find(call))

    def list(self, call: Call) -> Answer:
        """Return a page of the items that match the filters."""
        return self.page(call, self.key, self.render)

    def page(self, call: Call, key: str, render: Render[R]) -> Answer:
        """Return a page of the matching items, rendered by *render*."""
        matches = self.matcher(call.parameters)
        return answer_page(
            call,
            self.account.overlong_pages,
            key,
            lambda page: filter(matches, self._beyond(page)),
            lambda item: render(item, call.parent),
        )

    def matcher(self, parameters: Parameters) -> Callable[[R], bool]:
        """Return the filter of a list."""
        wanted = [
            (attribute, value)
            for name, attribute in self.filters.items()
            if (value := parameters.filter(name))
        ]
        return lambda item: all(getattr(item, name) == value for name, value in wanted)

    def _beyond(self, page: Page) -> Iterator[R]:
        # A linear search: these collections are small, or read in tests only.
        items = self.items()
        stream: Iterable[R] = items.values()
        if page.backwards:
            stream = reversed(list(stream))
        if page.token is None:
            return iter(stream)
        if page.token not in items:
            raise invalid_page_token()
        return islice(dropwhile(lambda item: item.sid != page.token, stream), 1, None)


class EditableCollection(ReadOnlyCollection[R]):
    """A collection with all five verbs."""

    required: ClassVar[tuple[str, ...]] = ("FriendlyName",)
    """Parameters required by create."""

    @abstractmethod
    def read(self, parameters: Parameters, item: R | None) -> dict[str, Any]:
        """Return the values of a request, None where absent; *item* is the updated one, if any."""

    def create(self, call: Call) -> Answer:
        """Create an item."""
        for name in self.required:
            call.parameters.required(name)
        return self.answer(call, 201, self.put_in(self.read(call.parameters, None)))

    def update(self, call: Call) -> Answer:
        """Update an item."""
        item = self.matched(call)
        self.store.change(item, self.read(call.parameters, item))
        return self.answer(call, 200, item)

    def delete(self, call: Call) -> Answer:
        """Delete an item."""
        self.take_out(self.matched(call))
        return NO_CONTENT

    def put_in(self, values: Mapping[str, Any]) -> R:
        """Add an item to the store."""
        return self.store.new(values)

    def take_out(self, item: R) -> None:
        """Remove an item from the store; subclasses refuse one that is in use."""
        self.store.remove(item)
