"""Measuring and printing: turns, medians, and targets beside the figures."""

import argparse
import gc
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import attrs

Contender = Callable[[], Awaitable[None]]
Rounds = dict[str, list[float]]

_HERE = Path(__file__).parent
_MB = 1_000_000


@attrs.frozen
class Target:
    """The bound of a figure, above or below."""

    name: str
    found: float
    bound: float
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.found >= self.bound if self.at_least else self.found <= self.bound


def command(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the option that all benchmarks with targets have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    return parser


async def in_turns(
    contenders: Mapping[str, Contender],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> Rounds:
    """Run all contenders once in every round, and return what each took in each.

    A first round that warms everything up is left out.
    """
    # What was imported for one contender must not make the garbage collections of another longer.
    gc.collect()
    gc.freeze()
    spent: Rounds = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            gc.collect()
            started = clock()
            await run()
            seconds = clock() - started
            if number:
                spent[name].append(seconds)
    return spent


def ensure(count: int, wanted: int) -> None:
    """Stop a comparison in which one side does less."""
    if count != wanted:
        raise RuntimeError(f"{count} tasks were done, not {wanted}")


def ratio(spent: Rounds, one: str, other: str) -> float:
    """Return the median of the rounds' own ratios, which a machine that slows down leaves alone."""
    return median(a / b for a, b in zip(spent[one], spent[other], strict=True))


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows whose first column is a name and whose others are figures."""
    lines = [list(heads), *([_shown(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{title}\n")
    for name, *figures in lines:
        cells = [f.rjust(width) for f, width in zip(figures, widths[1:], strict=True)]
        print("  " + "   ".join([name.ljust(widths[0]), *cells]))
    sys.stdout.flush()


def _shown(value: object) -> str:
    match value:
        case float():
            return f"{value:,.1f}"
        case int():
            return f"{value:,}"
    return str(value)


def conclude(targets: Sequence[Target], *, check: bool) -> int:
    """Print the targets beside what was found, and return the exit status."""
    print()
    width = max(len(target.name) for target in targets)
    for target in targets:
        sign = "≥" if target.at_least else "≤"
        verdict = "met" if target.met else "MISSED"
        found, bound = (f"{value:.2f}{target.unit}" for value in (target.found, target.bound))
        print(f"  {target.name:<{width}}   {found:>8}   target {sign} {bound}   {verdict}")
    sys.stdout.flush()
    return int(check and not all(target.met for target in targets))


@contextmanager
def server(script: str, *options: object) -> Iterator[str]:
    """Run a server of this directory in another process, and give the line that it prints."""
    words = [sys.executable, str(_HERE / script), *map(str, options)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline().strip() if process.stdout else ""
        if not line:
            raise RuntimeError(f"{script} did not start")
        yield line


def resident() -> float:
    """Return the memory that this process has now, in MB (Linux)."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / _MB


def most_resident() -> float:
    """Return the most memory that this program has had, in MB (Linux).

    Not ``ru_maxrss``, which counts what the process was before it became this program, too.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / _MB
