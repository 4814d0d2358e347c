"""How rows come in: past those of an earlier run, and into the journal before they are sent."""

import asyncio
import os
from collections import deque
from typing import Any, NamedTuple

from aiotask.bulk.ends import Ends
from aiotask.bulk.halt import StopSignal
from aiotask.bulk.item import Item
from aiotask.bulk.journal.records import Claim, Entry, State
from aiotask.bulk.journal.writer import Ledger
from aiotask.bulk.rows import Source
from aiotask.bulk.settings import Settings
from aiotask.bulk.target import ServiceClock, Target
from aiotask.errors import InputChangedError

WINDOW = 256
"""How many rows are claimed at once, at the most."""
_COMPARED = 256  # rows that are compared with the journal at once
_PRINTS = 64 * _COMPARED  # that are read from the journal at once, and one such portion ahead


class InvalidRow(NamedTuple):
    """A row that cannot be sent, and why."""

    item: Item
    error: Exception


class Unfinished(NamedTuple):
    """A row that an earlier run has left open, as the journal has it."""

    item: Item
    entry: Entry
    wrong: Exception | None


class Intake:
    """Takes the rows of a source, numbers them, and claims them."""

    def __init__(
        self,
        source: Source[Any],
        target: Target,
        settings: Settings,
        ledger: Ledger,
        ends: Ends,
        service: ServiceClock,
        halt: StopSignal,
    ) -> None:
        self._source = source
        self._target = target
        self._settings = settings
        self._keys = settings.keys
        self._ledger = ledger
        self._ends = ends
        self._service = service
        self._halt = halt
        self._number = 0

    async def restore(self, open_rows: list[Entry]) -> list[Unfinished]:
        """Go past the rows that an earlier run took, and return those that have no end."""
        left: list[Unfinished] = []
        if not self._ledger.claimed:
            return left
        entries, known = deque(open_rows), list[int | None]()
        coming = self._ledger.prints(0, _PRINTS)
        try:
            while self._number < self._ledger.claimed and not self._halt.called():
                if not known:
                    known = await coming
                    coming = self._ledger.prints(self._number + len(known), _PRINTS)
                rows = await self._halt.interrupts(self._source.take(min(_COMPARED, len(known))))
                if not rows:
                    raise self._changed(
                        f"has {self._ledger.claimed:,} rows already, and the input has "
                        f"{self._number:,}: it is not the one that it was begun with"
                    )
                self._compare(rows, known[: len(rows)])
                del known[: len(rows)]
                portion = range(self._number + 1, self._number + len(rows) + 1)
                while entries and entries[0].number in portion:
                    entry = entries.popleft()
                    left.append(self._left(entry, rows[entry.number - portion.start]))
                self._number += len(rows)
                await asyncio.sleep(0)
        finally:
            coming.cancel()
        return left

    async def claim(self) -> tuple[list[Item], list[InvalidRow]] | None:
        """Take rows, and return them when they are in the journal; None at the end of the input."""
        rows = await self._halt.interrupts(self._source.take(WINDOW))
        if not rows:
            return None
        sent = self._service.at(self._target.retry.clock())
        wrong: list[InvalidRow] = []
        good: dict[str | int, Item] = {}
        for row in rows:
            self._number += 1
            item, error = self._item(self._number, row)
            item.sent = sent
            name = item.number if self._keys.named is None or item.key is None else item.key
            if error is None and name in good:
                error = _taken(name, good[name].number)
            if error is None:
                good[name] = item
            else:
                wrong.append(InvalidRow(item, error))
        if self._keys.named is not None:
            for key, number in (await self._ledger.taken([*map(str, good)])).items():
                wrong.append(InvalidRow(good.pop(key), _taken(key, number)))
        # A key that follows from the number need not be kept.
        named = self._keys.named is not None
        claims = [
            _claim(item, State.IN_FLIGHT, item.key if named else None) for item in good.values()
        ]
        claims += [_claim(item, State.PENDING, None) for item, _ in wrong]
        await self._ends.write(claims)
        return [*good.values()], wrong

    def _item(self, number: int, row: Any) -> tuple[Item, Exception | None]:
        """Return a row ready to be sent, and what is wrong with it, if anything is."""
        job, keys, settings = self._ledger.job, self._keys, self._settings
        key, body, wrong = None, b"", None
        try:
            key = keys.of(job, number, row)
            body = self._target.body(row, lambda given: keys.mark(given, job, key))
        except Exception as error:  # noqa: BLE001 - of a mapping of the caller's own, perhaps
            wrong = error
        print_ = settings.print_of(row) if self._ledger.kept else None
        return Item(number, row, key, body, print_, settings.place_of(row)), wrong

    def _left(self, entry: Entry, row: Any) -> Unfinished:
        item, wrong = self._item(entry.number, row)
        item.sent = entry.sent
        if self._keys.named is not None and entry.key != item.key:
            wrong = wrong or ValueError("row_key: the row's key is not what it was")
            item.key = entry.key
        return Unfinished(item, entry, wrong)

    def _compare(self, rows: list[Any], prints: list[int | None]) -> None:
        found = [*map(self._settings.print_of, rows)]
        if found == prints:
            return
        for number, (print_, known) in enumerate(zip(found, prints, strict=True), self._number + 1):
            if known is not None and print_ != known:
                raise self._changed(
                    f"was begun with another input: row {number:,} is not what it was"
                )

    def _changed(self, how: str) -> InputChangedError:
        return InputChangedError(how, os.fspath(self._settings.journal or ""))


def _taken(key: object, number: int) -> ValueError:
    return ValueError(f"row_key: {key!r} is the key of row {number:,} already")


def _claim(item: Item, state: State, key: str | None) -> Claim:
    return Claim(item.number, state, item.print, item.place, item.sent, key)
