"""CPU time of one listed task: fetched, decoded and handed over.

    python benchmarks/bench_list.py [--pages N] [--page-size N] [--rounds N] [--check]

The same pages of 1,000 tasks are listed with aiotask (`async for`, typed tasks with dates and
attributes decoded), with aiohttp by hand (the same requests and `orjson.loads`, the fastest parser
there is, and nothing else), and with twilio-python (`list_async`), in turns, in one process. The
server is another process, which is not measured.

How to read it: the table has medians over all rounds, in microseconds of CPU for one task. The
ratios are medians of each round's own ratio.
"""

import asyncio
import sys
from statistics import median

from measure import Rounds, Target, command, conclude, ensure, in_turns, print_table, ratio, server
from peers import aiotask_tasks, bare_tasks, twilio_tasks
from servers.bare import WORKSPACE

AIOTASK, BARE, TWILIO = "aiotask", "bare aiohttp", "twilio-python"


async def measure(pages: int, page_size: int, rounds: int) -> Rounds:
    """Return CPU seconds by round."""
    wanted = pages * page_size
    with server("servers/bare.py", "--pages", pages, "--page-size", page_size) as base:
        async with (
            aiotask_tasks(base, WORKSPACE) as ours,
            bare_tasks(base, WORKSPACE) as bare,
            twilio_tasks(base, WORKSPACE) as twilio,
        ):

            async def with_aiotask() -> None:
                count = 0
                async for _ in ours.list(page_size=page_size):
                    count += 1
                ensure(count, wanted)

            async def with_aiohttp() -> None:
                count = 0
                async for page in bare.pages(page_size):
                    for _ in page:
                        count += 1
                ensure(count, wanted)

            async def with_twilio() -> None:
                ensure(len(await twilio.list_async(page_size=page_size)), wanted)

            return await in_turns(
                {AIOTASK: with_aiotask, BARE: with_aiohttp, TWILIO: with_twilio}, rounds
            )


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--page-size", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    spent = asyncio.run(measure(options.pages, options.page_size, options.rounds))
    count = options.pages * options.page_size
    print_table(
        f"CPU of one listed task; {options.pages} pages of {options.page_size:,} "
        f"in each of {options.rounds} rounds",
        ["", "µs"],
        [[name, median(times) / count * 1e6] for name, times in spent.items()],
    )
    return conclude(
        [
            Target("aiotask / bare aiohttp", ratio(spent, AIOTASK, BARE), 1.3),
            Target("aiotask / twilio-python", ratio(spent, AIOTASK, TWILIO), 0.16),
        ],
        check=options.check,
    )


if __name__ == "__main__":
    sys.exit(main())
