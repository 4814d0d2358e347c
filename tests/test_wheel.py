"""The built wheel: what is beside the code, such as the console's pages, is in it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What the console cannot do without, so that the comparison below is not one of nothing.
NEEDED = {
    *(f"aiotask/console/static/{name}" for name in ("console.css", "console.js", "icon.svg")),
    *(f"aiotask/console/templates/{name}.html" for name in ("page", "head", "message")),
    "aiotask/console/templates/parts/tasks.html",
    "aiotask/py.typed",
}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel by its backend, and unpack it as an installer does."""
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def files_of(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix()
        for path in (root / "aiotask").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_file_of_the_package_is_in_the_wheel_as_it_is(unpacked: Path) -> None:
    wanted = {name for name in files_of(ROOT) if not name.startswith("aiotask/guide/")}
    assert wanted >= NEEDED
    assert files_of(unpacked) == wanted
    for name in wanted:
        assert (unpacked / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_the_console_of_the_wheel_draws_its_pages(unpacked: Path) -> None:
    program = (
        "from aiotask.console import pages\n"
        "print(pages.__file__)\n"
        "print(pages.Pages('token').message('Not there', 'No <page>.', link=True))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        check=True,
        capture_output=True,
        text=True,
    )
    place, _, page = done.stdout.partition("\n")
    assert Path(place).is_relative_to(unpacked)
    assert page.startswith("<!doctype html>")
    assert "No &lt;page&gt;." in page
