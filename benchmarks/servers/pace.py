"""Sandbox with one workspace, in a process of its own, whose rate limit changes while it runs.

It prints its URL and the workspace's sid, and at the end of its standard input the numbers of
created tasks and of refused requests. With `--tasks` there are so many tasks from the start.
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


def omit_limits() -> None:
    """Leave out the headers that state limits."""
    original = Admission.headers

    def headers(admission: Admission, in_flight: int, seconds: float) -> CIMultiDict[str]:
        answer_headers = original(admission, in_flight, seconds)
        for name in [name for name in answer_headers if name.startswith("X-Rate-Limit")]:
            del answer_headers[name]
        return answer_headers

    patch.object(Admission, "headers", headers).start()


async def change(sandbox: Sandbox, rates: Sequence[float], seconds: float) -> None:
    """Apply each of the rates after so many seconds of the one before."""
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
        tasks = [{"attributes": {"number": number}} for number in range(options.tasks)]
        sandbox.fill({"benchmark": {"template": "FIFO", "tasks": tasks}})
        print(sandbox.url, *sandbox.workspaces, flush=True)
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
    parser.add_argument("--tasks", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--stated", action="store_true", help="answers state the first limit")
    given = parser.parse_args()
    if not given.stated:
        omit_limits()
    asyncio.run(serve(given))
