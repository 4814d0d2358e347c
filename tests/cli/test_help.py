"""Help of every command, which says all that its options mean."""

import re
from collections.abc import Iterator

import click
import pytest

from aiotask.cli import main
from tests.cli.commands import run

main.load()


def commands(
    group: click.Group = main, *path: str
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


ALL = {(): main, **dict(commands())}
PYTHON = r"\b(Sandbox\.|TypedDict|None|True|False|NaN|datetime|float|str|int|aiotask\.\w+|\w+\()"


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_option_is_explained_by_a_sentence(words: tuple[str, ...]) -> None:
    for option in ALL[words].params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help[0].isupper(), option.help
            assert option.help.endswith("."), option.help


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_has_no_markup_and_no_names_of_python(words: tuple[str, ...]) -> None:
    text = run(*words, "--help").stdout
    assert not re.search(rf"[`*]|:\w+:|{PYTHON}\b", text)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_timeout_means_the_wait_for_an_answer_in_every_command(words: tuple[str, ...]) -> None:
    for option in ALL[words].params:
        if isinstance(option, click.Option) and "--timeout" in option.opts:
            assert option.help == "Seconds to wait for one answer."


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_no_two_options_of_a_command_have_one_explanation(words: tuple[str, ...]) -> None:
    options = [each for each in ALL[words].params if isinstance(each, click.Option)]
    assert len({option.help for option in options}) == len(options)


def test_an_option_of_several_commands_means_the_same_in_all_of_them() -> None:
    for name in ("workspace", "base_url", "timeout", "if_match", "faults"):
        kinds = {
            option.help.partition(",")[0].partition(";")[0]
            for command in ALL.values()
            for option in command.params
            if isinstance(option, click.Option) and option.name == name and option.help
        }
        assert len(kinds) == 1, kinds
