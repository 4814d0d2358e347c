"""Cursor paging by sid: page parameters, page URLs and page answers.

As in recorded answers of the service, PageToken is "PA" and the sid of the last item of the page.
"PB" and the sid of the first item leads back, which is the sandbox's own form.

Undocumented by Twilio; the sandbox: a token whose item is gone is refused with 21481, and a Page
other than 0 without a token with 40153.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlencode

from aiotask.sandbox.api.endpoint import Call
from aiotask.sandbox.model.account import OverlongPages
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.wire.answers import Answer, answer, invalid_page_token

DEFAULT_SIZE = 50
MAX_SIZE = 1000

_HUGE = 10**17  # a size beyond MAX_SIZE is handled as the sandbox is set; this only bounds the text
_OWN = frozenset(["PageSize", "Page", "PageToken"])


class _Listed(Protocol):
    """An item of a list."""

    @property
    @abstractmethod
    def sid(self) -> str:
        """The position in the list."""


T = TypeVar("T", bound=_Listed)


class Page(NamedTuple):
    """A requested page: *size* items after (or *backwards*, before) the item *token*."""

    number: int
    size: int
    token: str | None
    backwards: bool = False

    @classmethod
    def asked(cls, call: Call, overlong: OverlongPages) -> "Page":
        """Read the paging parameters of a call."""
        parameters = call.parameters
        size = parameters.integer("PageSize", 1, _HUGE) or DEFAULT_SIZE
        if size > MAX_SIZE:
            if overlong == "refuse":
                raise Refusal(20007, f"Page size too large: the maximum is {MAX_SIZE}")
            size = MAX_SIZE
        number = parameters.integer("Page", 0, _HUGE) or 0
        token = parameters.text("PageToken")
        if token is None:
            if number:
                raise Refusal(40153, "Page needs a PageToken: absolute paging is gone")
            return cls(0, size, None)
        if token[:2] not in ("PA", "PB"):
            raise invalid_page_token()
        return cls(number, size, token[2:], backwards=token[:2] == "PB")

    def meta(self, call: Call, key: str, items: Sequence[_Listed], *, more: bool) -> dict[str, Any]:
        """Return the meta of a page; *more* tells of further items in its direction."""
        filters = [pair for pair in call.parameters.pairs if pair[0] not in _OWN]
        before = f"{urlencode(filters, quote_via=quote)}&" if filters else ""

        def url(number: int, token: str | None = None) -> str:
            first = f"{call.url}?{before}PageSize={self.size}&Page={number}"
            return first if token is None else f"{first}&PageToken={quote(token, safe='')}"

        # A page that was reached backwards has the page that led to it after it.
        following = bool(items) and (more or self.backwards)
        preceding = bool(items) and (more if self.backwards else self.token is not None)
        back = max(0, self.number - 1)
        return {
            "key": key,
            "page": self.number,
            "page_size": self.size,
            "first_page_url": url(0),
            "previous_page_url": url(back, f"PB{items[0].sid}") if preceding else None,
            "url": url(self.number, call.parameters.text("PageToken")),
            "next_page_url": url(self.number + 1, f"PA{items[-1].sid}") if following else None,
        }


def answer_page(
    call: Call,
    overlong: OverlongPages,
    key: str,
    stream: Callable[[Page], Iterable[T]],
    render: Callable[[T], Mapping[str, Any]],
) -> Answer:
    """Return the page that a call asks for.

    *stream* yields the items beyond a page's token in the page's direction.
    """
    page = Page.asked(call, overlong)
    # One item more than the page tells whether another page follows.
    found = list(islice(stream(page), page.size + 1))
    more = len(found) > page.size
    del found[page.size :]
    if page.backwards:
        found.reverse()
    meta = page.meta(call, key, found, more=more)
    return answer(200, {key: [render(item) for item in found], "meta": meta})
