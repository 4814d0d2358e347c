"""The program that the fleet campaign kills and stops: one worker of a shared journal.

It prints a line when it begins, and works until SIGTERM. With ``--without`` one safeguard is taken
out, in this process: what is proven by a campaign that finds nothing is only as much as it finds
then.
"""

import argparse
import asyncio
import signal
from collections.abc import Callable
from math import inf
from unittest.mock import patch

import aiotask
from aiotask.bulk.lease import Lease
from aiotask.bulk.sentinels import Sentinels
from aiotask.bulk.windows import WindowFeeder

TERMS = aiotask.LeaseTerms(length=2.0, renewed=0.4, guard=0.5)
TIMEOUT = 0.5  # seconds
SETTLE = 1.3
AT_ONCE = 0.001
RETRY = aiotask.RetryPolicy(base=0.05, throttled_base=0.1, cap=0.5)


async def work(options: argparse.Namespace) -> None:
    """Work until told to stop."""
    settle = AT_ONCE if options.without == "no-wait" else SETTLE
    has_switch = options.without is None
    async with (
        aiotask.Client(base_url=options.base, timeout=TIMEOUT, retry=RETRY) as client,
        aiotask.SharedJournal(options.journal, terms=TERMS, switch=has_switch) as journal,
    ):
        worker = aiotask.Worker(journal, client, settle=settle, max_in_flight=options.in_flight)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        print("begun", flush=True)
        await worker.run()


def no_gate() -> None:
    """Send what is at hand, whoever has it by now."""
    patch.object(Lease, "is_good", lambda _: True).start()
    patch.object(Lease, "end", lambda *_, **__: None).start()


def no_wait() -> None:
    """Take any look for one that shows the state of now."""
    patch.object(Sentinels, "latest_in", lambda *_: inf).start()


def no_doubt() -> None:
    """Take the rows of a dead worker for rows that were not sent."""
    patch.object(WindowFeeder, "_is_fresh", lambda *_: True).start()


WITHOUT: dict[str, Callable[[], None]] = {
    "no-doubt": no_doubt,
    "no-gate": no_gate,
    "no-wait": no_wait,
}


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("journal")
    parser.add_argument("--in-flight", type=int, default=10)
    parser.add_argument("--without", choices=WITHOUT)
    options = parser.parse_args()
    if options.without is not None:
        WITHOUT[options.without]()
    asyncio.run(work(options))


if __name__ == "__main__":
    main()
