"""Examples and options in the README of the command line."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest

import aiotask.cli
from aiotask.cli import main
from tests.cli.commands import run

README = Path(aiotask.cli.__file__).with_name("README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


EXAMPLES = [
    line[line.index("aiotask ") :]
    for block in blocks("sh")
    for line in block.splitlines()
    if "aiotask " in line
]

main.load()


def leaves(group: click.Group, *path: str) -> set[str]:
    return {
        leaf
        for name, command in group.commands.items()
        for leaf in (
            leaves(command, *path, name)
            if isinstance(command, click.Group)
            else {" ".join([*path, name])}
        )
    }


def parsed(example: str) -> tuple[click.Command, list[str]]:
    """Return the command of an example and its arguments."""
    words = shlex.split(example.partition(" > ")[0])[1:]
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    return command, words


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_command_with_options_that_its_help_shows(
    example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOTASK_WORKSPACE", "Support")
    command, words = parsed(example)
    path = example.split()[1 : example.split().index(command.name or "") + 1]
    text = run(*path, "--help").stdout
    for word in words:
        if word.startswith("--"):
            assert re.search(rf"^ +(--[a-z-]+ / )?{word}\b", text, re.MULTILINE), (
                f"{word} in {text}"
            )
    with command.make_context(command.name, words):
        pass  # every value is of its option's type


def test_every_command_has_an_example() -> None:
    shown = {
        leaf
        for leaf in leaves(main)
        if any(each.startswith(f"aiotask {leaf}") for each in EXAMPLES)
    }
    assert shown == leaves(main)


def test_every_option_in_the_text_is_an_option_of_a_command() -> None:
    known = {
        option
        for leaf in leaves(main)
        for parameter in parsed(f"aiotask {leaf}")[0].params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set(re.findall(r"--[a-z][a-z-]+", README)) - {"--help", "--version"} <= known


def test_rows_in_the_text_are_json() -> None:
    for block in blocks("json"):
        for line in block.splitlines():
            json.loads(line)
