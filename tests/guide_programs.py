"""Programs of the guide in processes of their own, against a sandbox."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiotask.bulk.journal.postgres import make_tables
from tests.cli.commands import Service, service
from tests.postgres import Postgres


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def environment(local: Service, **more: str) -> dict[str, str]:
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    place = {"AIOTASK_BASE_URL": local.sandbox.url, "AIOTASK_WORKSPACE": local.workspace}
    return {**os.environ, **local.environment, **place, "PATH": scripts, **more}


def new_journal(request: pytest.FixtureRequest) -> str:
    server: Postgres = request.getfixturevalue("postgres")
    url: str = server.new_database()
    make_tables(url)
    return url


def ran(
    command: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which is a good one."""
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done
