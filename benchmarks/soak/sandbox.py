"""The faulty sandbox of a soak in a process of its own.

It prints its URL and its process's number, and ends when its standard input does.
"""

import argparse
import asyncio
import os
import sys

from aiotask.sandbox import Sandbox

LATE = 0.6  # seconds, at the most, after which what is late is carried out
LAG = 0.1  # seconds that lists are behind


async def serve(faults: float, seed: int, rate: float) -> None:
    """Serve on a free port until standard input ends."""
    async with Sandbox(faults=faults, seed=seed, rate=rate, late=LATE, index_lag=LAG) as sandbox:
        print(sandbox.url, os.getpid(), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=float, required=True, help="share of all requests")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    options = parser.parse_args()
    asyncio.run(serve(options.faults, options.seed, options.rate))
