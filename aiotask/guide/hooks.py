"""Pages of the guide that are made from the repository: manuals and references."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import aiotask
from aiotask.cli import main

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/aiotask/aiotask/blob/main"
MANUALS = {
    "README.md": "manuals/aiotask.md",
    "aiotask/README.md": "manuals/client.md",
    "aiotask/bulk/README.md": "manuals/bulk.md",
    "aiotask/blueprint/README.md": "manuals/blueprint.md",
    "aiotask/webhooks/README.md": "manuals/webhooks.md",
    "aiotask/sandbox/README.md": "manuals/sandbox.md",
    "aiotask/cli/README.md": "manuals/cli.md",
    "aiotask/console/README.md": "manuals/console.md",
}
_LINK = re.compile(r"\]\(([^)#:\s]*)(#[^)\s]*)?\)")
_LIBRARY = (
    "aiotask",
    "aiotask.bulk",
    "aiotask.blueprint",
    "aiotask.webhooks",
    "aiotask.expression",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    for page, text in made().items():
        files.append(File.generated(config, page, content=text))
    return files


def made() -> dict[str, str]:
    """Return the made pages by their places."""
    pages = {page: manual(source) for source, page in MANUALS.items()}
    pages["reference/library.md"] = "\n".join(_library())
    pages["reference/taskrouter.md"] = "\n".join(_module("aiotask.taskrouter", "TaskRouter"))
    pages["reference/commands.md"] = "\n".join(_commands())
    return pages


def manual(source: str) -> str:
    """Return a README as a page: its links lead to pages, or to the repository."""
    folder, page = PurePosixPath(source).parent, MANUALS[source]

    def led(link: re.Match[str]) -> str:
        place, anchor = link[1], link[2] or ""
        if not place:
            return link[0]
        target = normpath(str(folder / place))
        if target in MANUALS:
            place = relpath(MANUALS[target], str(PurePosixPath(page).parent))
        else:
            place = f"{REPOSITORY}/{target}"
        return f"]({place}{anchor})"

    return _LINK.sub(led, (ROOT / source).read_text(encoding="utf-8"))


def _library() -> Iterator[str]:
    yield "# The library\n"
    for name in _LIBRARY:
        yield from _module(name, name, level="##")
    yield "The errors have [a page of their own](../errors.md).\n"


def _module(name: str, title: str, level: str = "#") -> Iterator[str]:
    """Yield the public things of a module."""
    yield f"{level} {title}\n"
    module = importlib.import_module(name)
    for each in module.__all__:
        thing = getattr(module, each)
        home = getattr(thing, "__module__", name)
        if not _is_documented(thing) or home == "aiotask.errors":
            continue
        if name != "aiotask" and (each in dir(aiotask) or not home.startswith(name)):
            continue  # it has its place elsewhere
        yield f"::: {home}.{each}\n    options:\n      heading_level: {len(level) + 1}\n"


def _is_documented(thing: Any) -> bool:
    known = inspect.isclass(thing) or inspect.isfunction(thing)
    return known and thing.__module__.startswith("aiotask")


def _commands() -> Iterator[str]:
    yield "# The commands\n"
    yield "What `--help` says. [The manual](../manuals/cli.md) has examples.\n"
    main.load()
    for path, command in commands(main, "aiotask"):
        context = click.Context(command, info_name=path, terminal_width=78, max_content_width=78)
        yield f"## {path}\n\n```text\n{command.get_help(context)}\n```\n"


def commands(group: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield all commands with their names, those of a group after it."""
    yield path, group
    if isinstance(group, click.Group):
        for name, command in sorted(group.commands.items()):
            yield from commands(command, f"{path} {name}")
