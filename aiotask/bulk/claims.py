"""Claims: rows are taken from the source, and recorded in the journal before they are sent."""

import asyncio
import os
from typing import Any, NamedTuple
from zlib import crc32

from aiotask.bulk.item import Item
from aiotask.bulk.journal.records import Claim, Entry, State
from aiotask.bulk.journal.writer import JournalWriter
from aiotask.bulk.keys import derived_key
from aiotask.bulk.operation import Operation
from aiotask.bulk.rows import Source
from aiotask.bulk.service_clock import ServiceClock
from aiotask.bulk.settings import Settings
from aiotask.bulk.wait_queue import StopSignal
from aiotask.errors import InputChangedError

WINDOW = 256
"""The most rows that one commit claims."""

# A resumed run compares 256 rows at a time with the journal, which reads 64 such portions at once,
# and one more such read ahead: the disk and the parsing of rows work side by side.
_COMPARED = 256
_READ_AHEAD = 64 * _COMPARED


_INVALID = -1  # the fingerprint of a row that cannot be sent, and has none of its own


class Prepared(NamedTuple):
    """A row as it came: ready to be sent, or the reason why it cannot be."""

    item: Item
    error: Exception | None


class InvalidRow(NamedTuple):
    """A row that cannot be sent, and the reason."""

    item: Item
    error: Exception


class Unfinished(NamedTuple):
    """A row that an earlier run left without an end, as the journal has it."""

    item: Item
    entry: Entry


def prepared(
    number: int, row: Any, job: str, operation: Operation, settings: Settings, *, printed: bool
) -> Prepared:
    """Return a row ready to be sent, and the reason if it cannot be.

    It is *printed* for a journal, which knows it again by its fingerprint.
    """
    keys = settings.keys
    key, body, error = None, b"", None
    try:
        key = keys.key_of(job, number, row)
        fields = settings.fields_of(row)
        body = operation.body(fields, lambda given: keys.mark(given, job, number, key))
    except Exception as reason:  # noqa: BLE001 - a row may be a mapping of the caller's own
        error = reason
    fingerprint = settings.fingerprint_of(row) if printed else None
    if fingerprint is None:
        # The row holds what JSON does not, and the encoding of its fields does; or it is wrong.
        fingerprint = crc32(body) if error is None else _INVALID
    item = Item(number, row, key, body, fingerprint, settings.source_line_of(row))
    return Prepared(item, error)


class Claims:
    """Takes the rows of a source, numbers them, and claims them."""

    def __init__(
        self,
        source: Source[Any],
        operation: Operation,
        settings: Settings,
        writer: JournalWriter,
        service: ServiceClock,
        stop: StopSignal,
    ) -> None:
        self._source = source
        self._operation = operation
        self._settings = settings
        self._keys = settings.keys
        self._writer = writer
        self._service = service
        self._stop = stop
        self._number = 0
        self._pulled = 0
        self._open: dict[int, Entry] = {}

    async def restore(self, open_rows: list[Entry]) -> list[Unfinished]:
        """Go past the rows that earlier runs took, and return those that have no end."""
        unfinished: list[Unfinished] = []
        if not self._writer.claimed:
            return unfinished
        self._open = {entry.number: entry for entry in open_rows}
        known = list[int | None]()
        coming = self._writer.fingerprints(0, _READ_AHEAD)
        try:
            while self._number < self._writer.claimed and not self._stop.is_set():
                if not known:
                    known = await coming
                    coming = self._writer.fingerprints(self._number + len(known), _READ_AHEAD)
                most = min(_COMPARED, len(known))
                rows = await self._stop.cancels(self._source.take(most, self._prepare))
                if not rows:
                    raise self._changed(
                        f"has {self._writer.claimed:,} rows, but the input has {self._number:,}: "
                        "it is not the input that the job was begun with"
                    )
                self._compare(rows, known[: len(rows)])
                del known[: len(rows)]
                self._number += len(rows)
                unfinished += [
                    self._unfinished(self._open[row.item.number], row)
                    for row in rows
                    if isinstance(row, Prepared) and row.item.number in self._open
                ]
                await asyncio.sleep(0)
        finally:
            coming.cancel()
        return unfinished

    async def claim(self) -> tuple[list[Item], list[InvalidRow]] | None:
        """Take rows, and return them once the journal has them; None at the end of the input."""
        rows = await self._stop.cancels(self._source.take(WINDOW, self._prepare))
        if not rows:
            return None
        sent_at = self._service.earliest(self._operation.retry.clock())
        # If a later run finds a row in doubt, its resource may be older than this claim: a run that
        # the journal has forgotten may have sent it, or another job, where keys are for ever.
        certainly_new = self._writer.believed and self._keys.scope == "job"
        noted_at = sent_at if certainly_new else None
        invalid: list[InvalidRow] = []
        valid: dict[str | int, Item] = {}
        has_row_key = self._keys.row_key is not None
        for item, reason in (row for row in rows if isinstance(row, Prepared)):
            self._number, error = item.number, reason
            item.sent_at, item.from_earlier_run = sent_at, self._writer.is_suspect
            name = item.number if not has_row_key or item.key is None else item.key
            if error is None and name in valid:
                error = self._keys.taken(item.row, name, valid[name].number)
            if error is None:
                valid[name] = item
            else:
                invalid.append(InvalidRow(item, error))
        if has_row_key:
            for key, number in (await self._writer.existing_keys([*map(str, valid)])).items():
                item = valid.pop(key)
                invalid.append(InvalidRow(item, self._keys.taken(item.row, key, number)))
        # A key that follows from the row's number need not be kept.
        claims = [
            _claim(item, State.IN_FLIGHT, noted_at, item.key if has_row_key else None)
            for item in valid.values()
        ]
        claims += [_claim(item, State.PENDING, noted_at, None) for item, _ in invalid]
        await self._writer.write(claims)
        return [*valid.values()], invalid

    def _prepare(self, row: Any) -> Prepared | int:
        """Return a row as it is now; of one that is passed over, its fingerprint alone."""
        self._pulled += 1
        if self._pulled <= self._writer.claimed and self._pulled not in self._open:
            fingerprint = self._settings.fingerprint_of(row)
            if fingerprint is not None:
                return fingerprint
        writer = self._writer
        return prepared(
            self._pulled, row, writer.job, self._operation, self._settings, printed=writer.durable
        )

    def _unfinished(self, entry: Entry, row: Prepared) -> Unfinished:
        item, error = row
        item.sent_at = entry.sent_at
        if self._operation.idempotent and item.sent_at is None:
            item.sent_at = self._writer.service_time
        item.from_earlier_run = entry.state is not State.PENDING or self._writer.is_suspect
        if self._keys.row_key is not None and entry.key != item.key:
            changed = ValueError(f"{self._keys.name}: the row's key is not what it was")
            error = error or changed
        if self._keys.row_key is not None and entry.key is not None:
            item.key = entry.key
        elif item.key is None and self._keys.attribute is not None:
            item.key = derived_key(self._writer.job, entry.number)
        item.invalid = error
        return Unfinished(item, entry)

    def _compare(self, rows: list[Prepared | int], known: list[int | None]) -> None:
        found = [row.item.fingerprint if isinstance(row, Prepared) else row for row in rows]
        if (number := first_changed(found, known)) is not None:
            row = self._number + number
            raise self._changed(f"was begun with another input: row {row:,} has changed")

    def _changed(self, difference: str) -> InputChangedError:
        return InputChangedError(difference, os.fspath(self._settings.journal or ""))


def first_changed(found: list[int | None], known: list[int | None]) -> int | None:
    """Return which row, from 1, has another fingerprint than the journal knows; None for none."""
    if found == known:
        return None
    for number, (now, then) in enumerate(zip(found, known, strict=True), 1):
        # Version 0.1 noted None for rows that it could not tell from others.
        if then is not None and now != then:
            return number
    return None


def _claim(item: Item, state: State, sent_at: float | None, key: str | None) -> Claim:
    return Claim(item.number, state, item.fingerprint, item.source_line, sent_at, key)
