"""Time and memory of `from aiotask import Client`, beside its dependencies and twilio-python.

    python benchmarks/bench_import.py [--rounds N] [--check]

Each is imported in a fresh interpreter, in turns, and the first round, which may compile and reads
from the disk, is left out. An interpreter's own start is not counted.

How to read it: medians; CPU and wall-clock milliseconds from before the import to after it, and
the megabytes (10⁶ bytes) by which the process grows meanwhile. The ratio is the median of the
rounds' own ratios of CPU time. For asynchronous calls twilio-python needs its second import; it
imports a product's classes when they are first used, which is not counted.
"""

import json
import os
import subprocess
import sys
from statistics import median

from measure import Rounds, Target, command, conclude, print_table, ratio

AIOTASK = "from aiotask import Client"
DEPENDENCIES = "import aiohttp, attrs, cattrs, tenacity, msgspec"
TWILIO = "import twilio.rest"
TWILIO_ASYNC = "import twilio.rest, twilio.http.async_http_client"

CHILD = """\
import os, time
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
had, cpu, wall = resident(), time.process_time(), time.perf_counter()
{statement}
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print([cpu * 1e3, wall * 1e3, (resident() - had) / 1e6])
"""


def imported(statement: str) -> tuple[float, float, float]:
    """Return CPU and wall-clock milliseconds and megabytes, in a fresh interpreter."""
    # -P: what lies in the working directory is not imported by accident.
    words = [sys.executable, "-P", "-c", CHILD.format(statement=statement)]
    # Where nothing may be written, every import would compile again.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    cpu, wall, megabytes = json.loads(done.stdout)
    return cpu, wall, megabytes


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    statements = (AIOTASK, DEPENDENCIES, TWILIO, TWILIO_ASYNC)
    found: dict[str, list[tuple[float, float, float]]] = {each: [] for each in statements}
    for number in range(options.rounds + 1):
        for statement in statements:
            taken = imported(statement)
            if number:
                found[statement].append(taken)
    print_table(
        f"Imports in fresh interpreters, {options.rounds} rounds",
        ["", "CPU, ms", "time, ms", "MB"],
        [[name, *map(median, zip(*taken, strict=True))] for name, taken in found.items()],
    )
    spent: Rounds = {name: [cpu for cpu, _, _ in taken] for name, taken in found.items()}
    return conclude(
        [Target("aiotask / its dependencies", ratio(spent, AIOTASK, DEPENDENCIES), 1.1)],
        check=options.check,
    )


if __name__ == "__main__":
    sys.exit(main())
