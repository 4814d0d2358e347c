"""Command ``aiotask sandbox``: a local TaskRouter, and the environment that clients need for it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import click
from yarl import URL

from aiotask._client import Client
from aiotask.cli.documents import read_document
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.loop import run
from aiotask.cli.options import Number
from aiotask.cli.signals import stop_signals
from aiotask.console import SANDBOX_RATE, Console
from aiotask.sandbox import ContentsError, FaultKind, Sandbox, StoreError

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - is shown as the loopback address

_LOOKS = 1.0
"""Seconds between two looks of the console at what it shows."""

_EXAMPLE = """--attributes '{"type": "support"}'"""


@click.command()
@click.option(
    "--host",
    metavar="H",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    metavar="P",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--latency",
    metavar="SECONDS",
    type=Number(min=0),
    default=0.0,
    help="Seconds that every request takes.",
)
@click.option(
    "--rate",
    metavar="R",
    type=Number(min=0, min_open=True),
    help="Refuse requests beyond this many a second with 429.",
)
@click.option(
    "--in-flight",
    metavar="N",
    type=click.IntRange(min=1),
    help="Refuse requests beyond this many at once with 429.",
)
@click.option(
    "--faults",
    metavar="SHARE",
    type=Number(0, 1),
    default=0.0,
    help="Share of requests that fail, 0 to 1.",
)
@click.option(
    "--fault-kind",
    "fault_kinds",
    type=click.Choice(get_args(FaultKind)),
    multiple=True,
    help="Kind of fault; several may be given. Default: all, the late ones only with --late.",
)
@click.option(
    "--late",
    metavar="SECONDS",
    type=Number(min=0),
    default=0.0,
    help="Seconds within which late faults act.",
)
@click.option(
    "--index-lag",
    metavar="SECONDS",
    type=Number(min=0),
    default=0.0,
    help="Seconds until lists show a new task or event.",
)
@click.option(
    "--expression-rate",
    metavar="R",
    type=Number(min=0),
    default=3.0,
    show_default=True,
    help="Lists by expression that are answered a second; 0 for no limit.",
)
@click.option(
    "--seed",
    metavar="K",
    type=int,
    help="Choose the same faults and SIDs in each run with this seed.",
)
@click.option(
    "--store",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Keep the state in this file until the next run.",
)
@click.option(
    "--fill",
    "contents",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="YAML or JSON file of workspaces and their contents, or of the contents of one; "
    "ignored if the store has a workspace.",
)
def sandbox(
    *,
    host: str,
    port: int,
    latency: float,
    rate: float | None,
    in_flight: int | None,
    faults: float,
    fault_kinds: tuple[FaultKind, ...],
    late: float,
    index_lag: float,
    expression_rate: float,
    seed: int | None,
    store: Path | None,
    contents: Path | None,
) -> None:
    """Run a local server that behaves like TaskRouter, until Ctrl-C.

    It prints what to export so that programs and commands use it and its first workspace.
    """
    held = {} if contents is None else _read(contents)
    local = Sandbox(
        host=host,
        port=port,
        latency=latency,
        rate=rate,
        in_flight=in_flight,
        faults=faults,
        fault_kinds=fault_kinds or None,
        late=late,
        index_lag=index_lag,
        expression_rate=expression_rate or None,
        seed=seed,
        store=store,
    )
    run(_serve(local, host, port, held))


def _read(path: Path) -> dict[str, Any]:
    held = read_document(str(path))
    if not isinstance(held, dict):
        raise WrongUsageError(f"cannot read {path}: must have workspaces by name, or one workspace")
    return held


async def _serve(local: Sandbox, host: str, port: int, held: dict[str, Any]) -> None:
    stopped = asyncio.Event()
    with stop_signals(stopped.set):
        try:
            await local.start()
        except StoreError as error:
            raise WrongUsageError(str(error)) from error
        except OSError as error:
            free = "; choose another with --port" if port else ""
            reason = f"cannot listen on {host}:{port}: {error.strerror or error}{free}"
            raise WrongUsageError(reason) from error
        try:
            workspace = _workspace(local, held)
            async with _console(local) as page:
                click.echo(_introduction(local, workspace, page))
                await stopped.wait()
        finally:
            await local.close()


def _workspace(local: Sandbox, held: dict[str, Any]) -> str:
    """Return the first workspace; it is in the store already, or is made now."""
    try:
        if held and not local.workspaces:
            local.fill(held)
        elif not local.workspaces:
            local.create_workspace("Sandbox", template="FIFO")
    except (ContentsError, StoreError) as error:
        raise WrongUsageError(str(error)) from error
    return local.workspaces[0]


@asynccontextmanager
async def _console(local: Sandbox) -> AsyncIterator[str]:
    """Serve the console beside the API, and give its URL."""
    client = Client(local.account_sid, local.auth_token, base_url=await local.open_side_door())
    async with client:
        console = Console(
            client, allow_changes=True, sandbox=local, rate=SANDBOX_RATE, seconds=_LOOKS
        )
        local.put_beside(console)
        try:
            yield console.url(_base(local))
        finally:
            await console.close()


def _base(local: Sandbox) -> str:
    url = URL(local.url)
    url = url.with_host(_EVERY_ADDRESS.get(url.host or "", url.host or ""))
    return str(url).rstrip("/")


def _introduction(local: Sandbox, workspace: str, page: str) -> str:
    base = _base(local)
    more = len(local.workspaces) - 1
    others = f" and {more} more" if more else ""
    # Clients prefer an API key to a token, and a real key should not be sent to a sandbox.
    keys = [name for name in ("TWILIO_API_KEY", "TWILIO_API_SECRET") if name in os.environ]
    return "\n".join(
        [
            f"TaskRouter sandbox at {base}, until Ctrl-C",
            f"workspace {workspace}{others} in the browser at {page}",
            "",
            *([f"unset {' '.join(keys)}"] if keys else []),
            f"export TWILIO_ACCOUNT_SID={local.account_sid}",
            f"export TWILIO_AUTH_TOKEN={local.auth_token}",
            f"export AIOTASK_BASE_URL={base}",
            f"export AIOTASK_WORKSPACE={workspace}",
            f"aiotask tasks create --workspace {workspace} --base-url {base} {_EXAMPLE}",
        ]
    )
