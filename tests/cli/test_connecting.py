"""Commands behind a proxy, with an authority of their own."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.cli.commands import LONG, Service, lines, run, service
from tests.forward_proxy import ForwardProxy, behind_tls

SECRET = "hunter2secret"
HOST = "taskrouter.example"
OURS = trustme.CA()


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


@contextmanager
def proxy_to(url: str) -> Iterator[ForwardProxy]:
    """Run a proxy in another thread that leads to the service behind TLS, and to nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    OURS.issue_cert(HOST).configure_cert(context)
    ready, done = threading.Event(), asyncio.Event()
    made: list[tuple[asyncio.AbstractEventLoop, ForwardProxy]] = []

    async def serve() -> None:
        async with behind_tls(url, context) as port:
            proxy = ForwardProxy("bob", SECRET, resolve=lambda _: ("127.0.0.1", port))
            async with proxy:
                made.append((asyncio.get_running_loop(), proxy))
                ready.set()
                await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(LONG)
    loop, proxy = made[0]
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()


@pytest.mark.parametrize("how", ["option", "environment"])
def test_commands_go_through_a_proxy_and_trust_a_bundle(
    local: Service, tmp_path: Path, how: str
) -> None:
    bundle, file = tmp_path / "ca.pem", tmp_path / "rows.jsonl"
    OURS.cert_pem.write_to_path(str(bundle))
    file.write_text(lines(5))
    with proxy_to(local.sandbox.url) as proxy:
        options = ["--workspace", local.workspace, "--base-url", f"https://{HOST}"]
        options += ["--ca-bundle", str(bundle)]
        options += ["--proxy", proxy.url] if how == "option" else ["--trust-env"]
        around = {**local.environment, "https_proxy": proxy.url, "no_proxy": ""}
        done = run("tasks", "import", str(file), *options, **around)
        assert done.exit_code == 0, done.stderr
        assert run("tasks", "list", *options, **around).stdout.count("\n") >= 5
        assert run("workspace", "export", local.workspace, *options[2:], **around).exit_code == 0
        assert run("activities", "list", *options, **around).exit_code == 0
        assert set(proxy.tunnels) == {f"{HOST}:443"}
    assert len(local.tasks()) == 5


@pytest.mark.parametrize("option", ["--proxy", "--ca-bundle"])
def test_what_is_no_proxy_or_bundle_is_wrong_usage(local: Service, option: str) -> None:
    done = local.run("tasks", "list", option, f"bob:{SECRET}@nowhere")
    assert done.exit_code == 2
    assert (SECRET in done.stderr) is (option == "--ca-bundle")  # where it is a path


def test_how_to_go_on_names_the_proxy_without_its_password(local: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(5))
    proxy = f"http://bob:{SECRET}@127.0.0.1:1"
    options = ["--proxy", proxy, "--trust-env", "--results", str(tmp_path / "results.jsonl")]
    done = local.run("tasks", "import", str(file), *options, "--journal", str(tmp_path / "a.db"))
    assert done.exit_code == 1
    assert SECRET not in done.stderr
    told = done.stderr.rpartition("resume with: ")[2].split()
    assert {"--proxy", "http://bob:PASSWORD@127.0.0.1:1", "--trust-env"} <= set(told)
