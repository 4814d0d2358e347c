"""The console on a server of its own."""

import asyncio
from collections.abc import Callable
from typing import Any

import click
from aiohttp import web

from aiotask.cli.errors import WrongUsageError
from aiotask.cli.signals import stop_signals
from aiotask.console import Console

_HOST = "127.0.0.1"
# The log of requests would have the token, which is in every URL.
_NO_LOG: Any = None
# Streams are ended before; whatever else is under way is not waited for.
_GRACE = 0.5


async def serve_until_stopped(console: Console, port: int, ready: Callable[[str], object]) -> None:
    """Serve a console on this machine, and call *ready* with its URL, until Ctrl-C."""
    server = web.Server(console.handle, access_log=_NO_LOG)
    runner = web.ServerRunner(server, shutdown_timeout=_GRACE)
    stopped = asyncio.Event()
    with stop_signals(stopped.set):
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, _HOST, port).start()
            except OSError as error:
                reason = f"cannot listen on {_HOST}:{port}: {error.strerror or error}"
                raise WrongUsageError(f"{reason}; choose another with --port") from error
            ready(console.url(f"http://{_HOST}:{runner.addresses[0][1]}"))
            await stopped.wait()
        finally:
            await console.close()
            await runner.cleanup()


def open_in_browser(url: str) -> None:
    """Open a URL in the user's browser; where there is none, the URL was printed."""
    if click.launch(url) != 0:
        click.echo("no browser could be opened: open the URL yourself", err=True)
