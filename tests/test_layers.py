"""A module imports only from lower layers; no circle, no TYPE_CHECKING, no import in a function."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import aiotask

PACKAGE = Path(aiotask.__file__).parent

# Lowest first. A module's layer is that of the longest name here that it starts with; modules of
# one line may import each other if they lie in one package.
LAYERS = [
    [
        "aiotask._version",
        "aiotask.errors",
        "aiotask._checks",
        "aiotask._secret",
        "aiotask.expression",
    ],
    [
        "aiotask._encoding",
        "aiotask._hooks",
        "aiotask._hosts",
        "aiotask._single_flight",
        "aiotask._concurrency_limit",
        "aiotask._cubic_curve",
        "aiotask._throughput",
        "aiotask._retry",
    ],
    ["aiotask._decoding", "aiotask._adaptive_rate"],
    ["aiotask._answers", "aiotask._transport", "aiotask._rate_limiter"],
    ["aiotask._verbs"],
    ["aiotask._session"],
    ["aiotask._paging", "aiotask.bulk"],
    ["aiotask._collection"],
    ["aiotask.taskrouter", "aiotask.autopilot"],
    ["aiotask._client", "aiotask.webhooks"],
    ["aiotask"],
    ["aiotask.cli", "aiotask.pytest_plugin"],
    ["aiotask.__main__"],
]
# The sandbox knows nothing of the client, and only the command line knows both.
APART = "aiotask.sandbox"

MODULES = {
    ".".join(("aiotask", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def layer(module: str) -> tuple[int, str]:
    places = [
        (len(name), level, name)
        for level, names in enumerate(LAYERS)
        for name in names
        if (module == name if name == "aiotask" else within(module, name))
    ]
    assert places, f"{module} has no layer"
    return max(places)[1:]


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node, whole if whole in MODULES else str(node.module)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_lower_layers(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text())
    for _, imported in imports(tree):
        if not within(imported, "aiotask"):
            continue
        if within(module, APART):
            assert within(imported, APART)
        elif within(imported, APART):
            assert within(module, "aiotask.cli")
        else:
            (mine, home), (other, theirs) = layer(module), layer(imported)
            assert other < mine or home == theirs, f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_every_import_is_made_when_the_module_is(module: str) -> None:
    if module == "aiotask.__main__":  # where the optional extra is looked for
        return
    tree = ast.parse(MODULES[module].read_text())
    at_top = {id(node) for node in tree.body}
    assert all(id(node) in at_top for node, _ in imports(tree))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert "TYPE_CHECKING" not in names


def test_modules_of_one_package_do_not_import_in_a_circle() -> None:
    edges = {
        module: {
            imported
            for _, imported in imports(ast.parse(path.read_text()))
            if imported in MODULES and imported != module
        }
        for module, path in MODULES.items()
    }
    while edges:
        free = {module for module, needed in edges.items() if not needed & edges.keys()}
        assert free, f"a circle among {sorted(edges)}"
        edges = {module: needed for module, needed in edges.items() if module not in free}
