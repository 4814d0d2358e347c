"""Plots of the last hour as SVG: the coordinates, which a template draws."""

from collections.abc import Callable, Sequence

import attrs

from aiotask.console.history import MINUTES, Minute

WIDTH, HEIGHT = 600, 120
"""The size of a plot, in the units of its drawing."""

_NICE = (1, 2, 5)


@attrs.frozen
class Line:
    """One series: its name, its pieces without a gap as points of SVG, and its last value."""

    name: str
    pieces: list[str]
    last: float | None


@attrs.frozen
class Plot:
    """Series over the same hour; *top* is the value at the upper edge."""

    title: str
    unit: str
    top: int
    lines: list[Line]

    @property
    def told(self) -> str:
        """The plot in words, for who does not see it."""
        last = ", ".join(f"{line.name} {line.last or 0:g}" for line in self.lines)
        return f"{self.title}; in the present minute: {last} {self.unit}".strip()


Value = Callable[[Minute], float | None]


def plots(minutes: Sequence[Minute | None]) -> list[Plot]:
    """Return the plots of an hour: what happened each minute, and how long tasks waited."""
    happened: dict[str, Value] = {
        "created": lambda minute: minute.created,
        "accepted": lambda minute: minute.accepted,
        "canceled": lambda minute: minute.canceled,
    }
    waited: dict[str, Value] = {
        "longest wait": lambda minute: minute.wait_max,
        "mean wait": lambda minute: minute.wait_avg,
    }
    return [
        _plot("Tasks a minute in the last hour", "", happened, minutes),
        _plot("Seconds until acceptance in the last hour", "s", waited, minutes),
    ]


def _plot(
    title: str, unit: str, values: dict[str, Value], minutes: Sequence[Minute | None]
) -> Plot:
    series = {
        name: [None if minute is None else value(minute) for minute in minutes]
        for name, value in values.items()
    }
    highest = max((each for one in series.values() for each in one if each is not None), default=0)
    top = _round_up(highest)
    lines = [
        Line(name, _pieces(one, top), one[-1] if one else None) for name, one in series.items()
    ]
    return Plot(title, unit, top, lines)


def _round_up(value: float) -> int:
    """Return the least of 1, 2, 5, 10, 20 ... that is no smaller."""
    power = 1
    while True:
        for digit in _NICE:
            if digit * power >= value:
                return digit * power
        power *= 10


def _pieces(values: Sequence[float | None], top: int) -> list[str]:
    pieces: list[list[str]] = [[]]
    for place, value in enumerate(values, MINUTES - len(values)):
        if value is None:
            pieces.append([])
            continue
        across = place * WIDTH / (MINUTES - 1)
        pieces[-1].append(f"{across:.1f},{HEIGHT - value * HEIGHT / top:.1f}")
    # A line of one point would not be seen.
    return [" ".join(piece * 2 if len(piece) == 1 else piece) for piece in pieces if piece]
