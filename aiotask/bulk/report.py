"""Report of a run: one page that needs nothing but itself, whatever became of the run."""

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkstemp

from aiotask.bulk.report_page import page
from aiotask.bulk.watch import Watch
from aiotask.errors import ConfigurationError

_EXTRA = "a report needs its extra: pip install 'aiotask[report]'"


def check_extra() -> None:
    """Raise a ConfigurationError where no plots can be drawn."""
    if find_spec("matplotlib") is None:
        raise ConfigurationError(_EXTRA)


class Report:
    """What a run did, as HTML: pace, refusals, durations, rows, pauses, doubts and reasons.

    It is taken from the outcomes of any ``…_many``, before the run begins::

        outcomes = workspace.tasks.create_many(rows, journal="import.db")
        report = outcomes.report()
        try:
            async for outcome in outcomes: ...
        finally:
            report.write("run.html")

    Its memory, and the size of the page, are bounded: over time, counts are added up in 240 slots
    at the most, reasons are grouped, and of rows and pauses the first ones are named. The page has
    no script and loads nothing; everything from outside is escaped, and no attribute is shown.
    """

    def __init__(self, watch: Watch) -> None:
        check_extra()
        self.watch: Watch = watch

    def html(self) -> str:
        """Return the page as it is by now."""
        return page(self.watch)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the page as it is by now; the file is there as a whole, or as it was before.

        An OSError says that it cannot be written.
        """
        target = Path(path).resolve()
        text, mode = self.html().encode(), _mode(target)
        place, name = mkstemp(dir=target.parent, prefix=f".{target.name}.")
        part = Path(name)
        try:
            with os.fdopen(place, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(mode)
            part.replace(target)
        except BaseException:
            part.unlink()
            raise


def _mode(target: Path) -> int:
    """Return the permissions of the file that is replaced, or those of a new one."""
    with suppress(OSError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
