"""Records of JSON Lines; blank lines are none."""

from collections.abc import Sequence
from io import BufferedReader
from itertools import compress
from typing import Any
from zlib import crc32

from aiotask._json import JsonSyntaxError, loads
from aiotask.cli.importing.lines import LONGEST_LINE, OVERLONG, check_text, line_portions
from aiotask.cli.importing.records import MOMENTS, Put, Record, named, record_of
from aiotask.cli.options import moment

_SHOWN = 40  # characters


class JsonRecords:
    """The records of a file of JSON Lines."""

    header = 0

    def __init__(self, file: BufferedReader) -> None:
        self._file = file

    def read(self, put: Put) -> None:
        """Hand over all records."""
        number = line = 0
        for portion in line_portions(self._file):
            texts = [*map(bytes.rstrip, portion)]
            lines: Sequence[int] = range(line + 1, line + 1 + len(texts))
            line += len(texts)
            if not all(texts):
                lines, texts = [*compress(lines, texts)], [*filter(None, texts)]
            numbers = range(number + 1, number + 1 + len(texts))
            number += len(texts)
            prints = map(crc32, texts)
            made = [*map(record_of, zip(numbers, lines, lines, texts, prints, strict=True))]
            if made and len(texts[0]) > LONGEST_LINE:
                made[0] = made[0]._replace(content=OVERLONG)
            if made:
                put(made)

    def fields(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record."""
        text = record.content
        if not isinstance(text, bytes):
            raise ValueError(text)
        try:
            row = loads(text)
        except JsonSyntaxError as error:
            check_text(text)
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"not a JSON object, but {text.decode().strip()[:_SHOWN]}")
        for name in MOMENTS:
            if isinstance(value := row.get(name), str):
                row[name] = named(name, moment, value)
        return row
