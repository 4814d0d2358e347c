"""Collections that stay small: kept in the order of their creation, searched from end to end."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import Any, ClassVar, Generic, TypeVar

from aiotask.sandbox._account import Account
from aiotask.sandbox._answers import NO_CONTENT, Answer, answer, invalid_page_token
from aiotask.sandbox._calls import Call, Collection
from aiotask.sandbox._paging import Page
from aiotask.sandbox._parameters import Parameters, written


@dataclass(slots=True, kw_only=True)
class Resource:
    """What every resource has."""

    sid: str
    created: int
    updated: int

    def dates(self) -> dict[str, str | None]:
        """Return the dates as the service writes them."""
        return {"date_created": written(self.created), "date_updated": written(self.updated)}


R = TypeVar("R", bound=Resource)


class Shelf(Collection, Generic[R]):
    """Resources of one kind by sid, with fetch and list."""

    key: ClassVar[str]
    """The name of the items of a page."""
    filters: ClassVar[Mapping[str, str]] = {}
    """Parameters of list, and the attribute whose value they name."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._items: dict[str, R] = {}

    def __iter__(self) -> Iterator[R]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    @abstractmethod
    def render(self, item: R, parent: str) -> dict[str, Any]:
        """Return the fields of *item*; *parent* is the URL of what holds them."""

    def add(self, item: R) -> R:
        """Keep a new item."""
        self._items[item.sid] = item
        return item

    def get(self, sid: str | None) -> R | None:
        """Return an item by its sid."""
        return self._items.get(sid or "")

    def find(self, call: Call) -> R:
        """Return the item that a call means."""
        item = self.get(call.sid)
        if item is None:
            raise call.absent()
        return item

    def change(self, item: R, changes: Mapping[str, Any]) -> None:
        """Set what is not None."""
        for name, value in changes.items():
            if value is not None:
                setattr(item, name, value)
        item.updated = self.account.now()

    def answer(self, call: Call, status: int, item: R) -> Answer:
        """Return one item."""
        return answer(status, self.render(item, call.parent))

    def fetch(self, call: Call) -> Answer:
        """Return one item."""
        return self.answer(call, 200, self.find(call))

    def remove(self, call: Call) -> Answer:
        """Remove the item that a call means: a delete, for collections that have one."""
        del self._items[self.find(call).sid]
        return NO_CONTENT

    def list(self, call: Call) -> Answer:
        """Return a page of the items that have the values asked for."""
        page = Page.asked(call, self.account.overlong_pages)
        items: Iterable[R] = reversed(self._items.values()) if page.backwards else self
        if page.token is not None:
            items = self._beyond(page.token, items)
        matches = self.matcher(call.parameters)
        found = list(islice(filter(matches, items), page.size + 1))
        more = len(found) > page.size
        del found[page.size :]
        if page.backwards:
            found.reverse()
        rendered = [self.render(item, call.parent) for item in found]
        return page.answer(call, self.key, rendered, more=more)

    def matcher(self, parameters: Parameters) -> Callable[[R], bool]:
        """Return what tells whether an item is to be listed."""
        wanted = [
            (attribute, value)
            for name, attribute in self.filters.items()
            if (value := parameters.text(name))
        ]
        return lambda item: all(getattr(item, name) == value for name, value in wanted)

    def _beyond(self, sid: str, items: Iterable[R]) -> Iterator[R]:
        if sid not in self._items:
            raise invalid_page_token()
        remaining = dropwhile(lambda item: item.sid != sid, items)
        return islice(remaining, 1, None)
