"""Page of a report: tables and plots as one HTML document without a script."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape

from aiotask._checks import printable
from aiotask._version import __version__
from aiotask.bulk import report_plots
from aiotask.bulk.watch import Doubt, Held, Watch

_SHARES = (0.5, 0.9, 0.99, 0.999)
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em;
  color: #1b1b1b; background: #fff; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; } caption { text-align: left; color: #595959; }
th, td { text-align: left; vertical-align: top; padding: .2em 1.2em .2em 0;
  border-bottom: 1px solid #ddd; }
td.long { overflow-wrap: anywhere; } th { white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
img { max-width: 100%; height: auto; }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_LONG = 30  # letters: a longer text may be broken anywhere
Cell = str | int | float


def page(watch: Watch) -> str:
    """Return the document of what a run did, as far as it is known."""
    now = watch.clock()
    watch.timeline.go_on(max(now, watch.timeline.ends_at - watch.timeline.width))
    parts = [*_parts(watch, now)]
    verb = _text(watch.settings.get("verb", "run"))
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>Report of a run: {verb}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Report of a run: {verb}</h1>",
            *parts,
            f"<p>aiotask {_text(__version__)}</p></body></html>",
            "",
        )
    )


def _parts(watch: Watch, now: float) -> Iterator[str]:
    timeline, answers = watch.timeline, watch.answers
    seconds = now - timeline.began
    done = sum(watch.ended.values())
    yield "<h2>Rows</h2>"
    totals: list[tuple[Cell, ...]] = [(kind, count) for kind, count in watch.ended.items()]
    totals += [("all", done), ("in doubt now", watch.in_doubt())]
    yield _table(("outcome", "rows"), totals)
    yield _rates(watch, seconds, done)
    if watch.ended:
        kinds = sorted(watch.ended)
        yield _plot(
            "Rows that have ended, by outcome, over time", report_plots.rows(timeline, kinds)
        )
    yield "<h2>Pace</h2>"
    requests = answers.total + watch.refused + sum(watch.failures.values())
    limit = watch.limit()
    yield _table(
        ("requests", "how many"),
        [
            ("with an answer about their row", answers.total),
            ("refused (429)", watch.refused),
            *sorted(watch.failures.items()),
            ("all", requests),
            ("a second, on average", _rate(requests, seconds)),
            (
                "a second that the service bears, as found",
                "no limit met" if limit is None else f"{limit:,.1f}",
            ),
        ],
    )
    yield _plot(
        "Requests a second over time, and the limit that was found", report_plots.pace(timeline)
    )
    if answers.total:
        yield "<h2>Durations</h2>"
        shares = [(f"{100 * share:g} %", _time(answers.percentile(share))) for share in _SHARES]
        yield _table(
            ("of the answers came within", "time"), [*shares, ("all", _time(answers.longest))]
        )
        yield _plot("How many requests took how long", report_plots.durations(answers))
    yield from _pauses(watch, now)
    yield from _doubts(watch)
    yield from _reasons(watch)
    yield "<h2>Settings</h2>"
    yield _table(("setting", "value"), sorted(watch.settings.items()))


def _rates(watch: Watch, seconds: float, done: int) -> str:
    began = datetime.fromtimestamp(watch.began, UTC).isoformat(" ", "seconds")
    return (
        f"<p>Begun {_text(began)}; {_time(seconds)}; {_rate(done, seconds)} rows a second on "
        "average.</p>"
    )


def _pauses(watch: Watch, now: float) -> Iterator[str]:
    yield "<h2>Pauses</h2>"
    if not watch.pauses:
        yield "<p>None: the run got on all the time.</p>"
        return
    yield _table(
        ("after", "for", "what", "why"),
        [_pause(held, watch.timeline.began, now) for held in watch.pauses],
    )
    if watch.more_pauses:
        yield f"<p>And {watch.more_pauses:,} more.</p>"


def _pause(held: Held, began: float, now: float) -> tuple[Cell, ...]:
    end = now if held.ended_at is None else held.ended_at
    lasted = _time(end - held.began_at) + (", and on" if held.ended_at is None else "")
    return (_time(max(held.began_at - began, 0.0)), lasted, held.what, held.reason)


def _doubts(watch: Watch) -> Iterator[str]:
    yield "<h2>Rows in doubt</h2>"
    if not watch.doubted:
        yield "<p>None: no answer was lost.</p>"
        return
    left = watch.doubted - sum(watch.settled.values())
    how = [
        *sorted(watch.settled.items()),
        *([("open when this was written", left)] if left else []),
    ]
    yield _table(("how they were settled", "rows"), how)
    yield _plot("Rows in doubt over time", report_plots.in_doubt(watch.timeline))
    rows = [_doubt(doubt, watch.timeline.began) for doubt in watch.doubts]
    yield _table(("row", "after", "why", "how it was settled", "in doubt for"), rows)
    if (more := watch.doubted - len(rows)) > 0:
        yield f"<p>And {more:,} more.</p>"


def _doubt(doubt: Doubt, began: float) -> tuple[Cell, ...]:
    lasted = _time(doubt.settled_at - doubt.began_at) if doubt.how else ""
    return (doubt.row, _time(doubt.began_at - began), doubt.reason, doubt.how or "open", lasted)


def _reasons(watch: Watch) -> Iterator[str]:
    yield "<h2>Rows that were not done, by reason</h2>"
    if not watch.reasons:
        yield "<p>None.</p>"
        return
    found = sorted(watch.reasons.values(), key=lambda reason: -reason.count)
    yield _table(
        ("outcome", "rows", "reason", "such as"),
        [(each.kind, each.count, each.text, ", ".join(each.examples)) for each in found],
    )


def _table(head: Iterable[str], rows: Iterable[tuple[Cell, ...]]) -> str:
    lines = ["<table><thead><tr>"]
    lines += [f'<th scope="col">{_text(name)}</th>' for name in head]
    lines += ["</tr></thead><tbody>"]
    lines += [f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows]
    return "".join([*lines, "</tbody></table>"])


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        wrapped = ' class="long"' if len(value) > _LONG else ""
        return f"<td{wrapped}>{_text(value)}</td>"
    return f'<td class="number">{value:,}</td>'


def _plot(title: str, drawing: bytes) -> str:
    # As an image, a drawing has its names for itself, and could run nothing.
    source = f"data:image/svg+xml;base64,{b64encode(drawing).decode()}"
    return f'<p><img src="{source}" alt="{_text(title)}"></p>'


def _text(text: str) -> str:
    return escape(printable(text))


def _rate(count: int, seconds: float) -> str:
    return f"{count / max(seconds, 1e-9):,.1f}"


def _time(seconds: float) -> str:
    """Return a duration with three digits or so."""
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.3g} s"
