"""The guide: it builds without a warning, and its code runs as it stands there."""

import ast
import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

import aiotask.errors
from aiotask import Client
from aiotask.bulk.journal.postgres import make_tables
from aiotask.cli import main
from aiotask.guide.hooks import MANUALS, ROOT, commands, made, manual
from aiotask.guide.roles import plain
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.cli.commands import Service, service
from tests.postgres import Postgres

GUIDE = ROOT / "aiotask/guide"
PAGES = sorted((GUIDE / "pages").rglob("*.md"))
# What is shown, and is no code.
SHOWN = {"text", "csv"}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Other commands of a page's shell do what the tests have done before.
_OF_THE_ENVIRONMENT = ("pip install", "aiotask sandbox")


def blocks(language: str) -> list[Any]:
    return [
        pytest.param(match[2], id=f"{page.relative_to(GUIDE / 'pages')}-{number}")
        for page in PAGES
        for number, match in enumerate(_FENCE.finditer(page.read_text(encoding="utf-8")))
        if match[1] == language
    ]


def is_test(block: str) -> bool:
    return "@pytest.mark" in block


def is_program(block: str) -> bool:
    return "asyncio.run(" in block


def is_module(block: str) -> bool:
    """Whether a block is a module of an application, which a server would load."""
    return any(sign in block for sign in ("FastAPI(", "web.Application(", "Instrumentor()"))


PYTHON = blocks("python")
TESTS = [each for each in PYTHON if is_test(each.values[0])]
PROGRAMS = [each for each in PYTHON if is_program(each.values[0])]
MODULES = [each for each in PYTHON if is_module(each.values[0])]
PIECES = [each for each in PYTHON if each not in [*TESTS, *PROGRAMS, *MODULES]]
SHELL = blocks("sh")


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def environment(local: Service, **more: str) -> dict[str, str]:
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    place = {"AIOTASK_BASE_URL": local.sandbox.url, "AIOTASK_WORKSPACE": local.workspace}
    return {**os.environ, **local.environment, **place, "PATH": scripts, **more}


def test_the_guide_builds_without_a_warning(tmp_path: Path) -> None:
    config = load_config(str(GUIDE / "mkdocs.yml"), strict=True, site_dir=str(tmp_path))
    build(config)  # with `strict`, a warning is an error
    pages = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert {"index.html", "errors.html", "manuals/bulk.html", "reference/library.html"} <= pages
    reference = (tmp_path / "reference/library.html").read_text(encoding="utf-8")
    assert "aiotask.taskrouter.tasks.Tasks" not in reference  # it has a page of its own
    assert "credentials" in reference
    assert ":class:" not in reference
    shown = (tmp_path / "reference/taskrouter.html").read_text(encoding="utf-8")
    assert "create_many" in shown


def test_every_block_of_the_guide_is_run_or_only_shown() -> None:
    known = {"python", "sh"} | SHOWN
    found = {match[1] for page in PAGES for match in _FENCE.finditer(page.read_text("utf-8"))}
    assert found <= known
    assert len(PYTHON) == len(TESTS) + len(PROGRAMS) + len(MODULES) + len(PIECES)


def test_every_error_is_told_of_with_its_cause_and_what_to_do() -> None:
    text = (GUIDE / "pages/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == sorted(aiotask.errors.__all__)
    assert all(cause.strip() and remedy.strip() for _, cause, remedy in rows)


def test_every_readme_is_a_manual_whose_links_lead_somewhere() -> None:
    readmes = {path.relative_to(ROOT).as_posix() for path in (ROOT / "aiotask").rglob("README.md")}
    assert set(MANUALS) == readmes | {"README.md"}
    bulk = manual("README.md")
    assert "](bulk.md#many-machines)" in bulk
    assert "/blob/main/benchmarks/README.md)" in bulk


def test_every_command_is_in_the_reference() -> None:
    reference = made()["reference/commands.md"]
    names = [path for path, _ in commands(main, "aiotask")]
    assert "aiotask tasks import" in names
    assert all(f"## {name}\n" in reference for name in names)


def test_a_docstring_of_sphinx_reads_as_markdown() -> None:
    text = "See :class:`~aiotask.Created` and :meth:`create`::\n\n    code"
    assert plain(text) == "See `Created` and `create`:\n\n    code"


@pytest.mark.parametrize("block", PIECES)
async def test_a_piece_of_the_guide_runs(
    sandbox: Sandbox,
    client: Client,
    workspace: WorkspaceContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block: str,
) -> None:
    monkeypatch.chdir(tmp_path)  # where a journal is left
    names: dict[str, Any] = {"aiotask": aiotask, "client": client, "workspace": workspace}
    names |= {"rows": [{"attributes": {"n": n}} for n in range(3)], "url": sandbox.url}
    names |= {"account_sid": sandbox.account_sid, "auth_token": sandbox.auth_token}
    ast.parse(f"async def example():\n{indent(block, '    ')}")
    exec(f"async def example():\n{indent(block, '    ')}", names)  # noqa: S102 - our own guide
    await asyncio.wait_for(names["example"](), 60)


@pytest.mark.parametrize("block", PROGRAMS)
def test_a_program_of_the_guide_runs(
    request: pytest.FixtureRequest, local: Service, tmp_path: Path, block: str
) -> None:
    more = {}
    if "JOURNAL" in block:
        more["JOURNAL"] = new_journal(request)
    before = len(local.tasks())
    (tmp_path / "program.py").write_text(block, encoding="utf-8")
    command = [sys.executable, "program.py"]
    for _ in range(2):  # the second time it goes on
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(local, **more),
        )
        assert done.returncode == 0, done.stderr
    assert len(local.tasks()) > before


def new_journal(request: pytest.FixtureRequest) -> str:
    server: Postgres = request.getfixturevalue("postgres")
    url = server.new_database()
    make_tables(url)
    return url


@pytest.mark.parametrize("block", MODULES)
def test_a_module_of_the_guide_loads(local: Service, tmp_path: Path, block: str) -> None:
    (tmp_path / "module.py").write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import module"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(local),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", TESTS)
def test_a_test_of_the_guide_passes(tmp_path: Path, block: str) -> None:
    (tmp_path / "test_example.py").write_text(block, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("block", SHELL)
def test_the_commands_of_the_guide_do_what_they_say(
    request: pytest.FixtureRequest, local: Service, tmp_path: Path, block: str
) -> None:
    more = {}
    if "JOURNAL" in block:
        more["JOURNAL"] = new_journal(request)
    if "support.yaml" not in block:
        local.run("tasks", "create", "--attributes", '{"type": "support"}')
    lines = [line for line in block.splitlines() if not line.startswith(_OF_THE_ENVIRONMENT)]
    if any("journal show" in line for line in lines):
        (tmp_path / "rows.jsonl").write_text("{}\n")
        words = 'aiotask tasks import rows.jsonl --journal "$JOURNAL" --job march --detach'
        lines.insert(0, words)
    script = "set -euo pipefail\n" + "\n".join(lines)
    done = subprocess.run(  # noqa: S602 - they are lines of a shell
        script,
        shell=True,
        executable="/bin/bash",
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(local, **more),
        timeout=120,
    )
    # A plan that finds differences ends with 1; there are none here.
    assert done.returncode == 0, done.stderr
