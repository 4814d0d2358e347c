"""Files of a command that reads rows: the input, the journal, results, rejects and the report."""

import os
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.input import STANDARD_INPUT
from aiotask.cli.importing.output_file import STANDARD_OUTPUT
from aiotask.cli.importing.rejects import Rejects
from aiotask.cli.importing.results import Results
from aiotask.cli.run_report import RunReport


class Files:
    """The paths that a command names; ``results`` and ``rejects`` are open within its block.

    The report, if one is asked for, is written at the end.

    A run on a shared journal tells every outcome of the job, and needs no other's memory: such a
    journal is not its *own*.
    """

    results: Results
    rejects: Rejects

    def __init__(
        self,
        source: str,
        journal: str | None,
        results: str | None,
        rejects: str | None,
        report: str | None,
        *,
        own: bool = True,
    ) -> None:
        self.input: str = source
        self.own_journal: str | None = journal if own else None
        self.to_standard_output: bool = STANDARD_OUTPUT in {results, rejects}
        self._journal = journal
        self._results = results
        self._rejects = rejects
        self._report = report
        self.report: RunReport = RunReport(report)
        self._open = ExitStack()

    def check_apart(self) -> None:
        """Refuse paths of which one would overwrite the other."""
        source, journal, results = self.input, self._journal, self._results
        if results == self._rejects == STANDARD_OUTPUT:
            raise WrongUsageError("--rejects -: the results go to standard output")
        for option, path, other, what in (
            ("results", results, source, "input"),
            ("rejects", self._rejects, source, "input"),
            ("journal", journal, source, "input"),
            ("results", results, journal, "journal"),
            ("rejects", self._rejects, journal, "journal"),
            ("rejects", self._rejects, results, "results"),
            ("report", self._report, source, "input"),
            ("report", self._report, journal, "journal"),
            ("report", self._report, results, "results"),
            ("report", self._report, self._rejects, "rejects"),
        ):
            if path and other and STANDARD_INPUT not in {path, other} and _same(path, other):
                raise WrongUsageError(f"--{option} {path}: that is the {what}")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.results = stack.enter_context(Results(self._results, self.own_journal))
            self.rejects = stack.enter_context(Rejects(self._rejects, self.own_journal))
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)


def _same(path: str, other: str) -> bool:
    with suppress(OSError):
        return os.path.samefile(path, other)  # noqa: PTH121 - of two names, neither is special
    return os.path.realpath(path) == os.path.realpath(other)
