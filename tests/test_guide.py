"""The guide: it builds without a warning, and its code runs as it stands there."""

import ast
import asyncio
import re
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

import aiotask.blueprint
import aiotask.errors
import aiotask.expression
import aiotask.sandbox
import aiotask.webhooks
from aiotask import Client
from aiotask.cli import main
from aiotask.guide.hooks import MANUALS, ROOT, commands, made, manual
from aiotask.guide.roles import plain
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.cli.commands import Service
from tests.guide_blocks import FENCE, GUIDE, KINDS, PAGES, blocks, kind_of
from tests.guide_programs import environment, local, new_journal, ran
from tests.other_pytest import told_by_pytest

__all__ = ["local"]

# What is shown, and is no code.
SHOWN = {"text", "csv"}
# Other commands of a page's shell do what the tests have done before.
_OF_THE_ENVIRONMENT = ("pip install", "aiotask sandbox")


@pytest.mark.campaign
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
    # Fields have the texts that are below them, also where a base describes them.
    assert shown.count("higher is assigned first") > 1


def test_every_block_of_the_guide_is_run_or_only_shown() -> None:
    known = {"python", "sh", "dockerfile"} | SHOWN
    found = {match[1] for page in PAGES for match in FENCE.finditer(page.read_text("utf-8"))}
    assert found <= known
    code = [*blocks("python"), *blocks("sh")]
    assert {kind_of(each.values[0]) for each in code} == {*KINDS, "piece"}


def test_every_error_is_told_of_with_its_cause_and_what_to_do() -> None:
    text = (GUIDE / "pages/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    parts = (aiotask.blueprint, aiotask.expression, aiotask.sandbox, aiotask.webhooks)
    others = [name for part in parts for name in part.__all__ if name.endswith("Error")]
    assert sorted(name for name, _, _ in rows) == sorted([*aiotask.errors.__all__, *others])
    assert all(cause.strip() and remedy.strip() for _, cause, remedy in rows)


def test_every_readme_is_a_manual_whose_links_lead_somewhere() -> None:
    readmes = {path.relative_to(ROOT).as_posix() for path in (ROOT / "aiotask").rglob("README.md")}
    assert set(MANUALS) == readmes | {"README.md"}
    bulk = manual("README.md")
    assert "](bulk.md#many-machines)" in bulk
    assert "/blob/main/benchmarks/README.md)" in bulk


def test_every_command_is_in_the_reference() -> None:
    reference = made()["reference/commands.md"]
    main.load()
    names = [path for path, _ in commands(main, "aiotask")]
    assert "aiotask tasks import" in names
    assert all(f"## {name}\n" in reference for name in names)


def test_a_docstring_of_sphinx_reads_as_markdown() -> None:
    text = "See :class:`~aiotask.Created` and :meth:`create`::\n\n    code"
    assert plain(text) == "See `Created` and `create`:\n\n    code"


@pytest.mark.parametrize("block", blocks("python", "piece"))
async def test_a_piece_of_the_guide_runs(
    sandbox: Sandbox,
    client: Client,
    workspace: WorkspaceContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block: str,
) -> None:
    for name in re.findall("^import (pandas|polars)$", block, re.MULTILINE):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)  # where a journal is left
    names: dict[str, Any] = {"aiotask": aiotask, "client": client, "workspace": workspace}
    names |= {"rows": [{"attributes": {"n": n}} for n in range(3)], "url": sandbox.url}
    names |= {"account_sid": sandbox.account_sid, "auth_token": sandbox.auth_token}
    names |= {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    ast.parse(f"async def example():\n{indent(block, '    ')}")
    exec(f"async def example():\n{indent(block, '    ')}", names)  # noqa: S102 - our own guide
    await asyncio.wait_for(names["example"](), 60)


@pytest.mark.parametrize("block", blocks("python", "program"))
def test_a_program_of_the_guide_runs(
    request: pytest.FixtureRequest, local: Service, tmp_path: Path, block: str
) -> None:
    more = {}
    if "JOURNAL" in block:
        more["JOURNAL"] = new_journal(request)
    before = len(local.tasks())
    (tmp_path / "program.py").write_text(block, encoding="utf-8")
    for _ in range(2):  # the second time it goes on
        ran([sys.executable, "program.py"], tmp_path, environment(local, **more))
    assert len(local.tasks()) > before


@pytest.mark.parametrize("block", blocks("python", "module"))
def test_a_module_of_the_guide_loads(local: Service, tmp_path: Path, block: str) -> None:
    (tmp_path / "module.py").write_text(block, encoding="utf-8")
    ran([sys.executable, "-c", "import module"], tmp_path, environment(local))


@pytest.mark.parametrize("block", blocks("python", "test"))
def test_a_test_of_the_guide_passes(tmp_path: Path, block: str) -> None:
    (tmp_path / "test_example.py").write_text(block, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    assert "1 passed" in (told := told_by_pytest(tmp_path)), told


@pytest.mark.parametrize("block", blocks("sh", "piece"))
def test_the_commands_of_the_guide_do_what_they_say(
    request: pytest.FixtureRequest, local: Service, tmp_path: Path, block: str
) -> None:
    more = {}
    if "JOURNAL" in block:
        more["JOURNAL"] = new_journal(request)
    if "orders.xlsx" in block:
        workbook = pytest.importorskip("openpyxl").Workbook()
        for row in (("order_id", "name", "urgency", "phone"), ("A-1001", "Ana", 5, "+15550100")):
            workbook.active.append(row)
        workbook.save(tmp_path / "orders.xlsx")
    if "support.yaml" not in block:
        local.run("tasks", "create", "--attributes", '{"type": "support"}')
    lines = [line for line in block.splitlines() if not line.startswith(_OF_THE_ENVIRONMENT)]
    if any("journal show" in line for line in lines):
        (tmp_path / "rows.jsonl").write_text("{}\n")
        words = 'aiotask tasks import rows.jsonl --journal "$JOURNAL" --job march --detach'
        lines.insert(0, words)
    script = "set -euo pipefail\n" + "\n".join(lines)
    # A plan that finds differences ends with 1; there are none here.
    ran(["/bin/bash", "-c", script], tmp_path, environment(local, **more))
