"""Loading of an input into a shared journal, whose rows others do."""

from aiotask._client import Client
from aiotask.bulk import Settings
from aiotask.cli.importing.input import Input
from aiotask.cli.importing.records import Record
from aiotask.cli.importing.thread_rows import ThreadRows
from aiotask.taskrouter import Tasks


async def load(client: Client, tasks: Tasks, source: Input, settings: Settings) -> int:
    """Load all rows, and return how many were not there before."""
    rows = ThreadRows[Record](source.read)
    try:
        async with client:
            return await tasks.sharing(rows, settings, str(settings.journal)).load()
    finally:
        if not rows.started:
            source.file.close()
