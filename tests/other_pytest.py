"""A pytest of its own, for tests as somebody else has them."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path


def told_by_pytest(folder: Path, *options: str, plugins: tuple[str, ...] = ("asyncio",)) -> str:
    """Run the tests in a folder, and return what pytest says of them.

    It has aiotask's plugin and *plugins*; to load all others that are here takes longer than the
    tests. Options of the pytest around it, such as those of coverage, may be of one of those.
    """
    others = {each.name for each in entry_points(group="pytest11")} - {"aiotask", *plugins}
    without = [word for name in sorted(others) for word in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *without]
    done = subprocess.run(
        [*command, *options, str(folder)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
    )
    return done.stdout
