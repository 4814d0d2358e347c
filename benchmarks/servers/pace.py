"""A sandbox whose limit changes while it runs, in a process of its own, with one workspace in it.

It prints its URL and the workspace's sid, and when its standard input ends what it created and what
it refused.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from unittest.mock import patch

from multidict import CIMultiDict

from aiotask.sandbox import Sandbox
from aiotask.sandbox.clock.rate_window import SlidingWindow
from aiotask.sandbox.server.admission import Admission


def say_nothing_of_limits() -> None:
    """Leave out the headers that tell limits, which are documented by name alone."""
    told = Admission.headers

    def headers(admission: Admission, in_flight: int, seconds: float) -> CIMultiDict[str]:
        all_of_them = told(admission, in_flight, seconds)
        for name in [name for name in all_of_them if name.startswith("X-Rate-Limit")]:
            del all_of_them[name]
        return all_of_them

    patch.object(Admission, "headers", headers).start()


async def change(sandbox: Sandbox, rates: Sequence[float], seconds: float) -> None:
    """Let each of the rates count when the one before has counted for so long."""
    for rate in rates:
        await asyncio.sleep(seconds)
        admission = sandbox._admission  # noqa: SLF001 - no sandbox's limit changes otherwise
        admission._window = SlidingWindow(rate, 1, asyncio.get_running_loop().time)  # noqa: SLF001


async def serve(options: argparse.Namespace) -> None:
    """Serve on a free port until standard input ends."""
    rate, *later = options.rates or [None]
    async with Sandbox(
        rate=rate, in_flight=options.in_flight, latency=options.latency, routing=False
    ) as sandbox:
        print(sandbox.url, sandbox.create_workspace("benchmark"), flush=True)
        loop = asyncio.get_running_loop()
        changing = loop.create_task(change(sandbox, later, options.seconds))
        await loop.run_in_executor(None, sys.stdin.buffer.read)
        changing.cancel()
        print(sandbox.answers[201], sandbox.refused, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="*", help="one after the other, a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="until the next of the rates")
    parser.add_argument("--in-flight", type=int)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--stated", action="store_true", help="answers state the first limit")
    given = parser.parse_args()
    if not given.stated:
        say_nothing_of_limits()
    asyncio.run(serve(given))
