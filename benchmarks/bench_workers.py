"""One limit among workers: what part of it they use, and what they are refused.

Each worker is a process of its own, ``aiotask worker`` on one journal, and the service is a sandbox
with a limit. Run by hand: python benchmarks/bench_workers.py postgresql://localhost/test
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from aiotask import Client
from aiotask.bulk import KEY_ATTRIBUTE, Keys, Settings, source_of
from aiotask.bulk.journal.postgres import make_tables
from aiotask.sandbox import Sandbox

_WARM_UP = 5.0  # seconds


async def _measure(url: str, rate: float, workers: int, seconds: float) -> str:
    make_tables(url)
    async with Sandbox(rate=rate, latency=0.1) as sandbox:
        workspace = sandbox.create_workspace("Workers")
        account, token = sandbox.account_sid, sandbox.auth_token
        async with Client(account, token, base_url=sandbox.url) as client:
            tasks = client.taskrouter.workspace(workspace).tasks
            given = [{"attributes": {"n": n}} for n in range(int(rate * (seconds + 60)))]
            settings = Settings(keys=Keys(KEY_ATTRIBUTE), job=f"bench {time.time_ns()}")
            await tasks.sharing(source_of(given), settings, url).load()
        environment = os.environ | {"TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": token}
        command = [sys.executable, "-m", "aiotask", "worker", "--journal", url]
        with ExitStack() as stack:
            processes = [
                stack.enter_context(
                    subprocess.Popen(  # noqa: ASYNC220 - it starts at once
                        [*command, "--base-url", sandbox.url],
                        env=environment,
                        cwd=Path(__file__).parents[1],
                        stderr=subprocess.DEVNULL,
                    )
                )
                for _ in range(workers)
            ]
            try:
                while not sandbox.answers[201]:  # noqa: ASYNC110 - the sandbox counts
                    await asyncio.sleep(0.1)
                await asyncio.sleep(_WARM_UP)
                made, refused = sandbox.answers[201], sandbox.refused
                await asyncio.sleep(seconds)
                made, refused = sandbox.answers[201] - made, sandbox.refused - refused
            finally:
                for process in processes:
                    process.send_signal(signal.SIGKILL)
    share = refused / max(made + refused, 1)
    return (
        f"{rate:6.0f}/s  {workers:2} workers: used {made / seconds / rate:.3f}  refused {share:.2%}"
    )


def main() -> None:
    """Measure all that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="a database that may be written to")
    parser.add_argument("--rates", type=float, nargs="+", default=[50, 200])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--seconds", type=float, default=40.0)
    given = parser.parse_args()
    for rate in given.rates:
        for workers in given.workers:
            print(asyncio.run(_measure(given.url, rate, workers, given.seconds)), flush=True)


if __name__ == "__main__":
    main()
