"""Pages: templates with every value escaped, and no script or style within them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import attrs

from aiotask.console._jinja import Environment, FileSystemLoader, StrictUndefined

ROOT = Path(__file__).parent

_NOTHING = "\N{EN DASH}"
_SHORT = 120  # characters of attributes in a table

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@attrs.frozen(kw_only=True)
class Shown:
    """A page as data: the values of its parts, by the names of their templates.

    *at* is when the values were read, in seconds since 1970. Parts that are *live* are sent again
    when they change; the others have forms, in which somebody may be typing.
    """

    title: str
    at: float
    live: Mapping[str, Mapping[str, Any]]
    fixed: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)


def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    templates.filters |= {
        each.__name__: each for each in (brief, clock, duration, moment, pretty, short)
    }
    return templates


@attrs.frozen
class Pages:
    """The templates, whose links carry the token and stay in one *place* of the console."""

    token: str = attrs.field(repr=False)
    place: tuple[str, ...] = ()
    _templates: Environment = attrs.field(factory=_templates, repr=False)

    def at(self, *place: str) -> "Pages":
        """Return the same templates, with links to pages of another place."""
        return attrs.evolve(self, place=place)

    def link(self, *parts: str, **query: str) -> str:
        """Return the URL of a page by the parts of its path in this place."""
        return self.top(*self.place, *parts, **query)

    def top(self, *parts: str, **query: str) -> str:
        """Return the URL of what is in no place; that of no parts is the one to begin with."""
        path = "/".join(("", "console", *(quote(part, safe="") for part in parts)))
        return f"{path if parts else '/'}?{urlencode({**query, 'token': self.token})}"

    def part(self, name: str, values: Mapping[str, Any]) -> str:
        """Return one part of a page."""
        return self._drawn(f"parts/{name}.html", values)

    def page(self, shown: Shown, forms: Mapping[str, Mapping[str, Any]], **values: Any) -> str:
        """Return a whole page, with forms beside what it shows."""
        held = {**shown.fixed, **shown.live, **forms}
        parts = {name: self.part(name, values) for name, values in held.items()}
        return self._drawn("page.html", {**values, "shown": shown, "parts": parts})

    def message(self, title: str, text: str, *, link: bool) -> str:
        """Return a page without anything of a workspace: a refusal, or an error."""
        return self._drawn("message.html", {"title": title, "text": text, "onward": link})

    def _drawn(self, name: str, values: Mapping[str, Any]) -> str:
        return self._templates.get_template(name).render(values, link=self.link, top=self.top)


def brief(sid: str | None) -> str:
    """Return a sid that is told apart by its ends."""
    return f"{sid[:6]}\N{HORIZONTAL ELLIPSIS}{sid[-4:]}" if sid else _NOTHING


def duration(seconds: float | None) -> str:
    """Return seconds in at most two units, such as ``3 h 5 min``."""
    if seconds is None:
        return _NOTHING
    whole = round(seconds)
    for size, name, smaller, lower in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name} {rest} {lower}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def clock(seconds: float) -> str:
    """Return the time of the day in UTC, of seconds since 1970."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"


def moment(when: datetime | None) -> str:
    """Return a date and time in UTC."""
    return _NOTHING if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def pretty(value: Any) -> str:
    """Return JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def short(value: Any) -> str:
    """Return JSON in one line, cut."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
