"""Gain of fetching ahead: the time to list and use pages from a server that is far away.

    python benchmarks/bench_prefetch.py [--pages N] [--latency S] [--use S] [--rounds N] [--check]

Every page takes the server 100 ms, and using it takes the consumer 100 ms more (`asyncio.sleep`).
aiotask asks for the next page while one is used. Compared are aiotask itself made to ask for one
page at a time (a new list from the last page's cursor), and aiohttp by hand, which asks for a page
when the last one is used up.

How to read it: medians of wall-clock seconds; no gain is 1, and the most that can be had is nearly
2, where fetching and using take the same time.
"""

import asyncio
import sys
import time
from statistics import median

from measure import Rounds, Target, command, conclude, ensure, in_turns, print_table, ratio, server
from peers import aiotask_tasks, bare_tasks
from servers.bare import WORKSPACE

AHEAD, SINGLY, BARE = "aiotask", "aiotask, one page at a time", "bare aiohttp"


async def measure(pages: int, page_size: int, latency: float, use: float, rounds: int) -> Rounds:
    """Return wall-clock seconds by round."""
    wanted = pages * page_size
    size = ["--pages", pages, "--page-size", page_size, "--latency", latency]
    with server("servers/bare.py", *size) as base:
        async with (
            aiotask_tasks(base, WORKSPACE) as ours,
            bare_tasks(base, WORKSPACE) as bare,
        ):

            async def ahead() -> None:
                count = 0
                async for page in ours.list(page_size=page_size).pages():
                    count += len(page.items)
                    await asyncio.sleep(use)
                ensure(count, wanted)

            async def singly() -> None:
                count, cursor, more = 0, None, True
                while more:
                    # A list that ends with its first page asks for no second one.
                    one = ours.list(page_size=page_size, limit=page_size, cursor=cursor)
                    async for page in one.pages():
                        count += len(page.items)
                        cursor = page.cursor
                        await asyncio.sleep(use)
                    more = cursor is not None
                ensure(count, wanted)

            async def with_aiohttp() -> None:
                count = 0
                async for page in bare.pages(page_size):
                    count += len(page)
                    await asyncio.sleep(use)
                ensure(count, wanted)

            contenders = {AHEAD: ahead, SINGLY: singly, BARE: with_aiohttp}
            return await in_turns(contenders, rounds, time.perf_counter)


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = command(__doc__)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--page-size", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds for the server")
    parser.add_argument("--use", type=float, default=0.1, help="seconds for the consumer")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    spent = asyncio.run(
        measure(options.pages, options.page_size, options.latency, options.use, options.rounds)
    )
    print_table(
        f"Time for {options.pages} pages, {options.latency} s to fetch and {options.use} s to use "
        f"each; {options.rounds} rounds",
        ["", "ms"],
        [[name, median(times) * 1e3] for name, times in spent.items()],
    )
    return conclude(
        [
            Target("one page at a time / aiotask", ratio(spent, SINGLY, AHEAD), 1.7, at_least=True),
            Target("bare aiohttp / aiotask", ratio(spent, BARE, AHEAD), 1.7, at_least=True),
        ],
        check=options.check,
    )


if __name__ == "__main__":
    sys.exit(main())
