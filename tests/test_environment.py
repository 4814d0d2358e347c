"""The environment: what OpenSSL and aiohttp take from it in a program that uses a client."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RawServer, answer
from tests.hostile.test_tls import LONG, OURS, THEIRS, Guarded, guard

WORKSPACE = "WS" + "1" * 32
FOUND = answer(b'{"sid":"%b"}' % WORKSPACE.encode())
PROGRAM = f"""
import asyncio, sys
import aiohttp, aiotask

async def main():
    settings = dict(base_url=sys.argv[1], retry=aiotask.RetryPolicy(attempts=1), timeout={LONG})
    async with aiohttp.ClientSession(trust_env=True) as session:
        settings |= dict(session=session) if "trust_env" in sys.argv else {{}}
        async with aiotask.Client("AC1", "token", **settings) as client:
            print((await client.taskrouter.workspaces.fetch("{WORKSPACE}")).sid)

asyncio.run(main())
"""
AROUND = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "HTTP_PROXY", "NO_PROXY", "no_proxy")


async def ends(url: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Return how a program ends that asks for a workspace, with these variables around it."""
    around = {name: value for name, value in os.environ.items() if name not in AROUND}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, url, *options],
        env=around | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def directory(path: Path, certificate: bytes) -> Path:
    """Make a directory of certificates as OpenSSL reads it: each is named by its subject's hash."""
    path.mkdir()
    (path / "ca.pem").write_bytes(certificate)
    command = ["openssl", "x509", "-noout", "-hash", "-in", str(path / "ca.pem")]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("needs the command openssl")
    (path / "ca.pem").rename(path / f"{made.stdout.strip()}.0")
    return path


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_the_authorities_of_the_environment_are_trusted(
    tmp_path: Path, variable: str
) -> None:
    places = {}
    for name, ca in (("ours", OURS), ("theirs", THEIRS)):
        certificate = ca.cert_pem.bytes()
        if variable == "SSL_CERT_DIR":
            places[name] = directory(tmp_path / name, certificate)
        else:
            places[name] = tmp_path / f"{name}.pem"
            places[name].write_bytes(certificate)
    async with Guarded(guard(), FOUND) as server:
        trusting = await ends(server.url, **{variable: str(places["ours"])})
        others = await ends(server.url, **{variable: str(places["theirs"])})
        without = await ends(server.url)
    assert trusting.stdout.strip() == WORKSPACE, trusting.stderr
    for wrong in (others, without):
        assert "TLSError" in wrong.stderr
        assert "certificate verify failed" in wrong.stderr
    assert len(server.requests) == 1


async def test_the_keys_of_tls_are_written_where_the_environment_says(tmp_path: Path) -> None:
    trusted, keys = tmp_path / "ca.pem", tmp_path / "keys.log"
    trusted.write_bytes(OURS.cert_pem.bytes())
    async with Guarded(guard(), FOUND) as server:
        done = await ends(server.url, SSL_CERT_FILE=str(trusted), SSLKEYLOGFILE=str(keys))
    assert done.stdout.strip() == WORKSPACE, done.stderr
    assert "TRAFFIC_SECRET" in keys.read_text()


async def test_a_proxy_of_the_environment_is_used_by_a_session_that_trusts_it() -> None:
    async with RawServer(FOUND) as server, RawServer(FOUND) as proxy:
        done = await ends(server.url, HTTP_PROXY=proxy.url)
        assert done.stdout.strip() == WORKSPACE, done.stderr
        assert (len(server.requests), len(proxy.requests)) == (1, 0)
        done = await ends(server.url, "trust_env", HTTP_PROXY=proxy.url)
        assert done.stdout.strip() == WORKSPACE, done.stderr
        assert (len(server.requests), len(proxy.requests)) == (1, 1)
        assert proxy.requests[0].startswith(f"GET {server.url}/v1".encode())


async def test_the_log_on_demand_has_each_request_and_no_secret() -> None:
    async with RawServer("reset", FOUND) as server:
        silent = await ends(server.url)
        server.reactions = [FOUND]
        done = await ends(server.url, AIOTASK_LOG="debug")
        server.reactions = ["reset"]
        failed = await ends(server.url, AIOTASK_LOG="Debug")
        server.reactions = [FOUND]
        warned = await ends(server.url, AIOTASK_LOG="warning")
    assert "workspaces.fetch: " not in silent.stderr
    assert warned.stderr == ""
    (line,) = done.stderr.splitlines()
    url = f"{server.url}/v1/Workspaces/{WORKSPACE}"
    assert f" aiotask DEBUG workspaces.fetch: GET {url}: 200 in 0." in line
    assert f"workspaces.fetch: GET {url}: ConnectionLostError: " in failed.stderr
    assert "token" not in done.stderr + failed.stderr.partition("Traceback")[0]


async def test_a_program_with_a_log_of_its_own_keeps_it() -> None:
    program = "import logging; logging.basicConfig(format='mine %(message)s')\n" + PROGRAM
    around = {name: value for name, value in os.environ.items() if name not in AROUND}
    async with RawServer(FOUND) as server:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program, server.url],
            env=around | {"AIOTASK_LOG": "debug"},
            capture_output=True,
            text=True,
            check=True,
        )
    (line,) = (each for each in done.stderr.splitlines() if "workspaces" in each)
    assert line.startswith("mine workspaces.fetch: GET ")
