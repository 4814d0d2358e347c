"""Trial of an input: a few rows as they would be sent, and a count of those that are wrong."""

from collections.abc import Callable
from datetime import datetime
from sqlite3 import IntegrityError
from typing import Any, NamedTuple

import click

from aiotask._encoding import encode, utc_text
from aiotask._json import strict_dumps
from aiotask.bulk import Keys
from aiotask.bulk.keys import taken
from aiotask.bulk.temporary import temporary_database, temporary_files
from aiotask.cli.errors import FAILED, WrongUsageError, reason
from aiotask.cli.importing.failures import Failures
from aiotask.cli.importing.input import Input, InputError
from aiotask.cli.importing.records import Record
from aiotask.taskrouter import NewTask

_SHOWN = 3
_JOB = "0" * 16  # a job's name has as many characters
_TABLE = "CREATE TABLE keys (key TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID;"


class Tried(NamedTuple):
    """The fields of a row that can be sent, and what no other row may have, if anything."""

    fields: dict[str, Any]
    key: str | None = None


class Trial:
    """Reads all rows of an input; *check* raises an error for a wrong one.

    *key* is the name of what no two rows may have.
    """

    def __init__(self, source: Input, check: Callable[[Record], Tried], key: str) -> None:
        self._source = source
        self._check = check
        self._key = key
        self._good = 0
        self._failures = Failures(source.name, lambda text: click.echo(text, err=True))
        self._keys = temporary_database(_TABLE)

    def run(self) -> None:
        """Show the first good rows, and count; some wrong ones end the command with a status."""
        failures = self._failures
        try:
            self._source.read(self._put)
        except InputError as error:
            raise WrongUsageError(str(error)) from error
        finally:
            self._keys.close()
        for line in failures.report():
            click.echo(line, err=True)
        rows = f"{self._good + failures.rejected:,} rows: {self._good:,} would be sent, "
        click.echo(f"{rows}{failures.rejected:,} are wrong; nothing was sent", err=True)
        if failures.rejected:
            click.get_current_context().exit(FAILED)

    def _put(self, portion: list[Record]) -> None:
        for record in portion:
            try:
                tried = self._check(record)
                if tried.key is not None:
                    self._note(tried.key, record.number)
            except (TypeError, ValueError) as error:
                self._failures.add(record.line, "rejected", reason(error))
                continue
            self._good += 1
            if self._good <= _SHOWN:
                click.echo(strict_dumps(_shown(tried.fields)))

    def _note(self, key: str, number: int) -> None:
        with temporary_files("the keys of the rows", "kept"):
            try:
                self._keys.execute("INSERT INTO keys VALUES (?, ?)", (key, number))
            except IntegrityError:
                query = "SELECT row FROM keys WHERE key = ?"
                first = self._keys.execute(query, (key,)).fetchone()[0]
                raise taken(self._key, key, first) from None


def _shown(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: utc_text(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


def try_tasks(source: Input, keys: Keys, fields_of: Callable[[Record], dict[str, Any]]) -> None:
    """Try rows that would become tasks."""

    def check(record: Record) -> Tried:
        key = keys.key_of(_JOB, source.position(record), record)
        fields = fields_of(record)
        marked = keys.mark(fields.get("attributes", {}), _JOB, record.number, key)
        encode(NewTask, {**fields, "attributes": marked})
        return Tried(fields, None if keys.row_key is None else key)

    Trial(source, check, keys.name).run()


def try_changes(
    source: Input,
    check: Callable[[dict[str, Any]], Any],
    key: Callable[[dict[str, Any]], str] | None = None,
) -> None:
    """Try rows of an operation, of which *check* refuses the wrong ones.

    No two rows may have the same *key*, which is their name.
    """

    def checked(record: Record) -> Tried:
        fields = source.records.fields(record)
        check(fields)
        return Tried(fields, None if key is None else key(fields))

    Trial(source, checked, "friendly_name").run()
