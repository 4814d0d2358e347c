"""Descriptions of fields: each has one, which editors, the guide and the command line show."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict, get_type_hints, is_typeddict

import attrs
import click
import pytest

from aiotask._paging import Paging
from aiotask.bulk import Audit, Copy, Finding, JournalSummary
from aiotask.cli import main
from aiotask.cli.field_texts import field_texts
from aiotask.cli.options import FieldOption
from aiotask.guide.hooks import commands
from aiotask.taskrouter import NewTask, TaskFilter, TaskQueueStatistics
from tests.test_public import PUBLIC, loaded_by


def public_kinds() -> Iterator[type]:
    """Yield the public classes of fields: resources, outcomes, parameters, and their like."""
    yield from (Paging, Audit, Copy, Finding, JournalSummary)
    for name in PUBLIC.keys() - {"aiotask.bulk"}:  # the rest of that is for verbs of one's own
        module = importlib.import_module(name)
        for each in PUBLIC[name].split():
            if fields_of(kind := getattr(module, each)):
                yield kind


def fields_of(kind: Any) -> set[str]:
    if is_typeddict(kind):
        return {*get_type_hints(kind)}
    if not isinstance(kind, type):
        return set()
    named = (field.name for field in attrs.fields(kind)) if attrs.has(kind) else ()
    return {name for name in (*named, *getattr(kind, "_fields", ())) if name[0] != "_"}


KINDS = {f"{kind.__module__}.{kind.__name__}": kind for kind in public_kinds()}
main.load()
COMMANDS = dict(commands(main, "aiotask"))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_field_has_a_description_of_a_sentence(name: str) -> None:
    texts = field_texts(KINDS[name])
    assert fields_of(KINDS[name]) <= texts.keys()
    for field, text in texts.items():
        assert text.endswith("."), field
        assert not {"`", "*"} & {*text}, field
        assert len(text.split()) > 1, field


def test_a_field_of_a_base_is_described_there_or_anew() -> None:
    assert field_texts(NewTask)["priority"].startswith("Number from 0")
    assert field_texts(TaskFilter)["priority"] == "Only tasks of exactly this priority."
    assert field_texts(TaskFilter)["cursor"] == field_texts(Paging)["cursor"]
    assert {"url", "realtime", "task_queue_sid"} <= field_texts(TaskQueueStatistics).keys()


def field_options() -> list[tuple[str, FieldOption]]:
    return [
        (path, parameter)
        for path, command in COMMANDS.items()
        for parameter in command.params
        if isinstance(parameter, FieldOption)
    ]


def test_the_help_of_every_option_has_the_description_of_its_field() -> None:
    options = field_options()
    assert len(options) > 150
    for path, option in options:
        context = click.Context(COMMANDS[path], max_content_width=100_000, terminal_width=100_000)
        shown = " ".join(COMMANDS[path].get_help(context).split())
        text = field_texts(option.shape)[option.field]
        assert text in shown, (path, option.name)
        assert ("several times" in option.help) == option.multiple


def test_a_shell_completes_an_option_with_its_description() -> None:
    command = COMMANDS["aiotask tasks create"]
    context = click.Context(command, info_name="create")
    found = {each.value: each.help for each in command.shell_complete(context, "--prio")}
    assert found == {"--priority": field_texts(NewTask)["priority"]}


def test_commands_read_no_description_before_help_is_asked_for() -> None:
    loaded = "from aiotask.cli import main; main.load()"
    loaded += "; from aiotask.cli.field_texts import field_texts"
    asked = "assert field_texts.cache_info().misses == 0"
    assert "aiotask.cli" in loaded_by(f"{loaded}; {asked}")


class OfNoSource(TypedDict, total=False):
    """A class of a module that nobody can read."""

    anything: str


def test_without_the_source_of_a_class_an_option_has_no_help(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = ModuleType("sourceless")
    module.__file__ = str(tmp_path / "sourceless.pyc")
    monkeypatch.setitem(sys.modules, "sourceless", module)
    monkeypatch.setattr(OfNoSource, "__module__", "sourceless")
    assert field_texts(OfNoSource) == {}
    option = FieldOption(["--anything"], shape=OfNoSource, field="anything")
    context = click.Context(click.Command("x", params=[option]))
    assert option.get_help_record(context) == ("--anything TEXT", "")
