"""The sandbox in a process of its own, with one workspace in it.

It prints its URL and the workspace's sid, and ends when its standard input does.
"""

import argparse
import asyncio
import sys

from aiotask.sandbox import Sandbox


async def serve(
    faults: float, seed: int, rate: float | None, expression_rate: float | None
) -> None:
    """Serve on a free port until standard input ends."""
    async with Sandbox(
        faults=faults, seed=seed, rate=rate, expression_rate=expression_rate
    ) as sandbox:
        print(sandbox.url, sandbox.create_workspace("benchmark"), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=float, default=0.0, help="share of all requests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, help="requests a second; more get 429")
    parser.add_argument("--expression-rate", type=float, default=3.0, help="0 switches it off")
    options = parser.parse_args()
    asyncio.run(serve(options.faults, options.seed, options.rate, options.expression_rate or None))
