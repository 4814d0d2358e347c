"""Plots of a run as SVG, drawn by matplotlib, which is loaded when there is one to draw."""

from collections.abc import Callable, Sequence
from importlib import import_module
from io import BytesIO
from itertools import accumulate
from math import nan
from typing import Any

from aiotask.bulk.timeline import Durations, Slot, Timeline, end_of_bucket

_INCHES = (8.0, 2.6)
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "aiotask", "font.size": 9.0}
_COLOURS = ("#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#17becf", "#bcbd22", "#7f7f7f")
_BAD = {"Rejected": "#d62728", "Unresolved": "#ff7f0e"}
_MOST_KINDS = len(_COLOURS)


def pace(timeline: Timeline) -> bytes:
    """Return the requests a second over time, the rate that was found, and what was refused."""
    slots, width = timeline.slots, timeline.width
    times = _times(timeline)

    def draw(axes: Any) -> None:
        axes.step(times, [slot.requests / width for slot in slots], where="post", label="requests")
        if any(slot.samples for slot in slots):
            axes.plot(times, _limits(slots), color="black", linewidth=0.8, label="limit found")
        refused = [slot.refused / width for slot in slots]
        if any(refused):
            axes.step(times, refused, where="post", color="#d62728", label="refused (429)")
        failed = [slot.failed / width for slot in slots]
        if any(failed):
            axes.step(times, failed, where="post", color="#ff7f0e", label="failed")
        axes.set_ylabel("a second")
        _seconds(axes)

    return _svg(draw)


def rows(timeline: Timeline, kinds: Sequence[str]) -> bytes:
    """Return the rows that have ended, by outcome, over time."""
    times = [0.0, *(timeline.width * (place + 1) for place in range(len(timeline.slots)))]
    series = [
        [0, *accumulate(slot.ended.get(kind, 0) for slot in timeline.slots)] for kind in kinds
    ]
    colours = [_BAD.get(kind, _COLOURS[place % _MOST_KINDS]) for place, kind in enumerate(kinds)]

    def draw(axes: Any) -> None:
        axes.stackplot(times, *series, labels=list(kinds), colors=colours)
        axes.set_ylabel("rows")
        _seconds(axes)

    return _svg(draw)


def durations(answers: Durations) -> bytes:
    """Return how many requests took how long."""
    used = [place for place, count in enumerate(answers.counts) if count]
    places = range(max(used[0], 1), used[-1] + 1)

    def draw(axes: Any) -> None:
        edges = [1000 * end_of_bucket(place - 1) for place in places]
        widths = [
            1000 * end_of_bucket(place) - edge for place, edge in zip(places, edges, strict=True)
        ]
        axes.bar(edges, [answers.counts[place] for place in places], widths, align="edge")
        axes.set_xscale("log")
        axes.set_xlabel("milliseconds until the answer")
        axes.set_ylabel("requests")

    return _svg(draw)


def in_doubt(timeline: Timeline) -> bytes:
    """Return how many rows were in doubt over time."""
    counts = [slot.in_doubt for slot in timeline.slots]

    def draw(axes: Any) -> None:
        axes.fill_between(_times(timeline), counts, step="post", color="#ff7f0e")
        axes.set_ylabel("rows in doubt")
        _seconds(axes)

    return _svg(draw)


def _times(timeline: Timeline) -> list[float]:
    return [timeline.width * place for place in range(len(timeline.slots))]


def _limits(slots: Sequence[Slot]) -> list[float]:
    """Return the limit in each slot: without a sample, that of the slot before."""
    found, limit = [], nan
    for slot in slots:
        limit = slot.limit / slot.samples if slot.samples else limit
        found.append(limit)
    return found


def _seconds(axes: Any) -> None:
    axes.set_xlabel("seconds since the beginning")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)


def _svg(draw: Callable[[Any], None]) -> bytes:
    # Not through pyplot, which keeps figures, and may be set up for a screen.
    matplotlib = import_module("matplotlib")
    with matplotlib.rc_context(_STYLE):
        figure = import_module("matplotlib.figure").Figure(figsize=_INCHES, layout="constrained")
        draw(figure.add_subplot())
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
