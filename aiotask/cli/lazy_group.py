"""Groups of commands that are loaded when they are used, so that the command line begins soon."""

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


def loaded(where: str) -> Any:
    """Return the thing at ``module:name``."""
    module, _, name = where.partition(":")
    collects = gc.isenabled()
    gc.disable()  # what is imported, stays
    try:
        return getattr(import_module(module), name)
    finally:
        if collects:
            gc.enable()


class LazyGroup(click.Group):
    """A group that loads a command of *lazy* when it is named, and all of them to list them.

    *lazy* says where each is, as ``module:name``. For another name the root loads all its commands:
    those of the resources are added to this group only then.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._lazy = dict(lazy or {})

    def load(self) -> None:
        """Load all commands, and those of the groups below."""
        for name in [*self._lazy]:
            self._add(name)
        for command in self.commands.values():
            if isinstance(command, LazyGroup):
                command.load()

    def _add(self, name: str) -> None:
        self.add_command(loaded(self._lazy.pop(name)), name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name; None if there is none."""
        if cmd_name in self._lazy:
            self._add(cmd_name)
        if cmd_name not in self.commands:
            _load_tree(ctx)
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        _load_tree(ctx)
        return super().list_commands(ctx)


def _load_tree(ctx: click.Context) -> None:
    root = ctx.find_root().command
    if isinstance(root, LazyGroup):
        root.load()
