"""Report of a command's run: asked for by an option, and written whatever became of the run."""

from pathlib import Path

from aiotask.bulk import OutcomeStream, Report
from aiotask.bulk.report import check_extra
from aiotask.cli.errors import WrongUsageError
from aiotask.errors import ConfigurationError


class RunReport:
    """The report of a command, to the file at *path*; with None there is none.

    ``error`` is why it could not be written.
    """

    def __init__(self, path: str | None) -> None:
        self.error: OSError | None = None
        self._path = None if path is None else Path(path)
        self._report: Report | None = None
        if self._path is None:
            return
        try:
            check_extra()
        except ConfigurationError as error:
            raise WrongUsageError(f"--report: {error.message}") from error
        if not self._path.absolute().parent.is_dir():
            raise WrongUsageError(f"--report {path}: there is no such folder")

    def follow(self, outcomes: OutcomeStream[object]) -> None:
        """Collect the figures of a run, or of the next one."""
        if self._path is not None:
            self._report = outcomes.report(self._report)

    def write(self) -> str | None:
        """Write the page, and return the line that says so, or why it is not there."""
        if self._path is None or self._report is None:
            return None
        try:
            self._report.write(self._path)
        except OSError as error:
            self.error = error
            return f"--report {self._path}: {error.strerror or error}"
        return f"report of the run: {self._path}"
