"""Ranges of rows by their numbers: ``3,5-9,120-``."""

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable
from itertools import product
from typing import Self

import attrs

_RANGE = re.compile(r"\s*([1-9][0-9]{0,17})(?:\s*(-)\s*([1-9][0-9]{0,17})?)?\s*")
_NO_END = sys.maxsize


@attrs.frozen
class RowRanges:
    """Ranges of rows in ascending order, each with its first and last row."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the ranges that *text* names; a ValueError says why it names none."""
        ranges: list[tuple[int, int]] = []
        for part in text.split(","):
            match = _RANGE.fullmatch(part)
            if match is None:
                raise ValueError(f"must be numbers and ranges like 3,5-9,120-, not {text!r}")
            first = int(match[1])
            last = int(match[3] or _NO_END) if match[2] else first
            if last < first or (ranges and ranges[-1][1] >= first):
                raise ValueError(f"must be in ascending order, unlike {text!r}")
            ranges.append((first, last))
        return cls(tuple(ranges))

    @classmethod
    def rest(cls, left: Iterable[int], after: int) -> Self:
        """Return the rows *left*, in ascending order, and all rows *after* another one."""
        ranges: list[tuple[int, int]] = []
        for number in left:
            first = ranges.pop()[0] if ranges and ranges[-1][1] == number - 1 else number
            ranges.append((first, number))
        return cls((*ranges, (after + 1, _NO_END)))

    @classmethod
    def first(cls, most: int, of: "RowRanges | None") -> "RowRanges":
        """Return the first rows of some, or of all."""
        left, ranges = most, []
        for start, end in ((1, _NO_END),) if of is None else of.ranges:
            if left > 0:
                ranges.append((start, min(end, start + left - 1)))
                left -= ranges[-1][1] - start + 1
        return cls(tuple(ranges))

    @property
    def last(self) -> int:
        """The number of the last row, 0 for none; of all rows it is beyond any."""
        return self.ranges[-1][1] if self.ranges else 0

    def within(self, other: "RowRanges") -> "RowRanges":
        """Return the rows that are in both."""
        pairs = product(self.ranges, other.ranges)
        common = [(max(one[0], two[0]), min(one[1], two[1])) for one, two in pairs]
        return RowRanges(tuple(sorted((first, last) for first, last in common if first <= last)))

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.ranges, (number, _NO_END)) - 1
        return place >= 0 and number <= self.ranges[place][1]

    def position(self, number: int) -> int:
        """Return the number of rows in the ranges up to this one."""
        return sum(min(number, last) - first + 1 for first, last in self.ranges if first <= number)

    def __str__(self) -> str:
        return ",".join(
            str(first) if first == last else f"{first}-{'' if last == _NO_END else last}"
            for first, last in self.ranges
        )
