"""A workflow as a picture: filters from top to bottom, each with its targets and their queues.

Only where things stand is computed here; a template draws it.
"""

from collections.abc import Iterator

import attrs

from aiotask.console.routes import Routes, Step

WIDTH = 940
_BOX = 270  # the width of a box
_GAP = 65  # between two columns
_TALL = 66  # the height of a box
_ROW = 100  # from one row to the next
_LONGEST = 38  # characters of a line in a box

_LEFT, _MIDDLE, _RIGHT = 0, _BOX + _GAP, 2 * (_BOX + _GAP)


@attrs.frozen
class Box:
    """A filter, target or queue: where it stands, and its lines of text."""

    kind: str
    left: int
    top: int
    lines: list[str]
    width: int = _BOX
    height: int = _TALL


@attrs.frozen
class Arrow:
    """A way from one box to another, as a path of SVG, and what is written on it."""

    path: str
    left: int = 0
    top: int = 0
    text: str = ""


@attrs.frozen
class Picture:
    """The boxes and arrows of a workflow."""

    width: int
    height: int
    boxes: list[Box]
    arrows: list[Arrow]


def picture_of(routes: Routes) -> Picture:
    """Return the picture of a workflow's routes."""
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    top, above = 0, None
    for number, rule in enumerate(routes.rules, 1):
        condition = "all others" if rule.expression is None else f"if {rule.expression}"
        boxes.append(Box("filter", _LEFT, top, _cut(f"{number}. {rule.name}", condition)))
        if above is not None:
            middle = _LEFT + _BOX // 2
            arrows.append(Arrow(f"M{middle},{above + _TALL}V{top}", middle + 8, top - 12, "else"))
        arrows.append(_across(_LEFT, top))
        above = top
        for place, step in enumerate(rule.steps):
            if place:
                arrows.append(_after(rule.steps[place - 1], top))
            boxes += _row(step, top, last=step is rule.steps[-1])
            arrows.append(_across(_MIDDLE, top))
            top += _ROW
    return Picture(WIDTH, max(top - _ROW + _TALL, 0), boxes, arrows)


def _row(step: Step, top: int, *, last: bool) -> Iterator[Box]:
    told = [f"workers {step.expression}" if step.expression else "any worker of the queue"]
    if step.priority is not None:
        told.append(f"priority {step.priority}")
    if last and step.timeout:
        told.append(f"for {step.timeout} s, then it leaves the filter")
    told += [f"{name} {text}" for name, text in step.more]
    yield Box("target", _MIDDLE, top, _cut(*told))
    yield Box("queue", _RIGHT, top, _cut(step.queue))


def _across(left: int, top: int) -> Arrow:
    return Arrow(f"M{left + _BOX},{top + _TALL // 2}H{left + _BOX + _GAP}")


def _after(step: Step, top: int) -> Arrow:
    middle = _MIDDLE + _BOX // 2
    text = f"after {step.timeout} s" if step.timeout else "if it is skipped"
    return Arrow(f"M{middle},{top - _ROW + _TALL}V{top}", middle + 8, top - 12, text)


def _cut(*lines: str) -> list[str]:
    """Return at most three lines, as long as they fit; the list below has all in full."""
    return [
        line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
        for line in lines[:3]
    ]
