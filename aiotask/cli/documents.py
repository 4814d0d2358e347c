"""Documents in files: YAML or JSON, read to the same plain values.

Of YAML, only what JSON has too is more than text: ``On``, ``12:30`` and ``2026-11-26`` are names.
"""

import re
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from aiotask._json import loads, strict_dumps
from aiotask.cli.errors import WrongUsageError

_STANDARD_INPUT = "-"
_ON_ONE_LINE = 1_000_000
_SCALARS = {
    "null": ("~|null|", "~n"),
    "bool": ("true|false", "tf"),
    "int": ("-?(?:0|[1-9][0-9]*)", "-0123456789"),
    "float": (r"-?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?", "-0123456789"),
    "merge": ("<<", "<"),
}


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT002 - PyYAML's own
        """Return a mapping, unless it has a name twice."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name in names:
            if name != "<<" and names.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name!r} is there twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _name, (_pattern, _first) in _SCALARS.items():
    _starts = [*_first, *([""] if _name == "null" else [])]
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$", re.ASCII), _starts
    )


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own
        """Write everything where it is."""
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Return a text, with escapes if it needs some: others would be folded into spaces."""
        style = None if data.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def is_file(text: str) -> bool:
    """Whether a text that may be a workspace is the name of a document instead."""
    path = Path(text)
    return text == _STANDARD_INPUT or path.suffix in (".json", ".yaml", ".yml") or path.is_file()


def read_document(name: str) -> Any:
    """Return what a file holds, or standard input if its name is ``-``; JSON only in ``.json``."""
    try:
        text = sys.stdin.buffer.read() if name == _STANDARD_INPUT else Path(name).read_bytes()
        if Path(name).suffix == ".json":
            return loads(text)
        return loads(strict_dumps(_read_yaml(text.decode("utf-8-sig"))))
    except RecursionError:
        reason = "nested too deeply"
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
    raise WrongUsageError(f"cannot read {name}: {reason}")


def _read_yaml(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def yaml_text(document: Any) -> str:
    """Return a document as YAML."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_ON_ONE_LINE
    )


def json_text(document: Any) -> str:
    """Return a document as JSON, laid out for reading."""
    return msgspec.json.format(strict_dumps(document), indent=2).decode() + "\n"
