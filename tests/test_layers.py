"""A module imports only from lower layers; no circle, no TYPE_CHECKING, no import in a function."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import aiotask

PACKAGE = Path(aiotask.__file__).parent
# Where a command is that is loaded when it is used.
COMMAND = re.compile(r"aiotask(\.\w+)+:\w+")

# Lowest first. A module's layer is that of the longest name here that it starts with; modules of
# one line may import each other if they lie in one package. A package some of whose modules have
# layers of their own stands for its __init__ alone.
BULK = [
    [
        "aiotask.bulk.keys",
        "aiotask.bulk.fingerprint",
        "aiotask.bulk.rows",
        "aiotask.bulk.wait_queue",
        "aiotask.bulk.circuit_breaker",
        "aiotask.bulk.timeline",
        "aiotask.bulk.reach",
        "aiotask.bulk.sentinels",
        "aiotask.bulk.temporary",
        "aiotask.bulk.service_clock",
        "aiotask.bulk.journal.records",
        "aiotask.bulk.journal.witness",
        "aiotask.bulk.journal.locks",
        "aiotask.bulk.journal.postgres_schema",
        "aiotask.bulk.journal.postgres_witness",
    ],
    ["aiotask.bulk.watch", "aiotask.bulk.report_plots"],
    [
        "aiotask.bulk.pause",
        "aiotask.bulk.report_page",
        "aiotask.bulk.lease",
        "aiotask.bulk.journal.postgres",
        "aiotask.bulk.journal.postgres_driver",
        "aiotask.bulk.journal.postgres_jobs",
        "aiotask.bulk.journal.postgres_windows",
        "aiotask.bulk.journal.postgres_beats",
    ],
    ["aiotask.bulk.item", "aiotask.bulk.leases", "aiotask.bulk.bell", "aiotask.bulk.offers"],
    ["aiotask.bulk.beats"],
    ["aiotask.bulk.shared_journal"],
    [
        "aiotask.bulk.lookup",
        "aiotask.bulk.verdicts",
        "aiotask.bulk.outcomes",
        "aiotask.bulk.settings",
        "aiotask.bulk.report",
        "aiotask.bulk.journal.sqlite_file",
    ],
    [
        "aiotask.bulk.operation",
        "aiotask.bulk.outcome_stream",
        "aiotask.bulk.looks",
        "aiotask.bulk.census",
        "aiotask.bulk.recount",
        "aiotask.bulk.journal.sqlite",
        "aiotask.bulk.journal.sqlite_reader",
        "aiotask.bulk.journal.postgres_reader",
        "aiotask.bulk.journal.postgres_upkeep",
    ],
    ["aiotask.bulk.journal"],
    ["aiotask.bulk.journal.writer", "aiotask.bulk.audit"],
    ["aiotask.bulk.claims", "aiotask.bulk.resolver", "aiotask.bulk.delivery"],
    ["aiotask.bulk.sender", "aiotask.bulk.work_queue", "aiotask.bulk.screening"],
    ["aiotask.bulk.feeder", "aiotask.bulk.workers"],
    ["aiotask.bulk.intake", "aiotask.bulk.window_writer"],
    ["aiotask.bulk.windows"],
    ["aiotask.bulk.run", "aiotask.bulk.loader", "aiotask.bulk.enqueueing"],
    ["aiotask.bulk.shared_run"],
    ["aiotask.bulk"],
]
SANDBOX = [
    ["aiotask.sandbox._json", "aiotask.sandbox._sorted"],
    ["aiotask.sandbox.clock", "aiotask.sandbox.expressions"],
    ["aiotask.sandbox.model"],
    ["aiotask.sandbox.wire", "aiotask.sandbox.routing"],
    ["aiotask.sandbox._workspace"],
    ["aiotask.sandbox.api"],
    [
        "aiotask.sandbox._contents",
        "aiotask.sandbox._prospects",
        "aiotask.sandbox.callbacks",
        "aiotask.sandbox.server",
        "aiotask.sandbox.storage",
    ],
    ["aiotask.sandbox._controls", "aiotask.sandbox._settings"],
    ["aiotask.sandbox._threaded"],
    ["aiotask.sandbox._sandbox"],
    ["aiotask.sandbox"],
]
CONSOLE = [
    ["aiotask.console._jinja"],
    [
        "aiotask.console.forms",
        "aiotask.console.guard",
        "aiotask.console.history",
        "aiotask.console.pace",
        "aiotask.console.pages",
        "aiotask.console.routes",
    ],
    [
        "aiotask.console.picture",
        "aiotask.console.plot",
        "aiotask.console.reading",
        "aiotask.console.sandbox_views",
        "aiotask.console.stream",
    ],
    [
        "aiotask.console.account_views",
        "aiotask.console.actions",
        "aiotask.console.glance",
        "aiotask.console.rehearsal",
    ],
    ["aiotask.console.desk", "aiotask.console.form_parts", "aiotask.console.views"],
    ["aiotask.console.workspace_desk"],
    ["aiotask.console.server"],
    ["aiotask.console"],
]
LAYERS = [
    [
        "aiotask._version",
        "aiotask._checks",
        "aiotask._resource",
        "aiotask._secret",
        "aiotask._operations",
        "aiotask._slept_clock",
        "aiotask._company",
        "aiotask.expression",
    ],
    ["aiotask._json", "aiotask.errors", "aiotask._worker_token"],
    [
        "aiotask._additions",
        "aiotask._background",
        "aiotask._encoding",
        "aiotask._gate",
        "aiotask._hooks",
        "aiotask._hosts",
        "aiotask._owner",
        "aiotask._single_flight",
        "aiotask._concurrency_limit",
        "aiotask._cubic_curve",
        "aiotask._throughput",
        "aiotask._request_headers",
        "aiotask._time_limits",
        "aiotask._retry",
        "aiotask._route",
        "aiotask._service_time",
    ],
    ["aiotask._decoding", "aiotask._adaptive_rate", "aiotask._logging"],
    ["aiotask._pool"],
    ["aiotask._answers", "aiotask._bodies", "aiotask._transport", "aiotask._rate_limiter"],
    [
        "aiotask._verbs",
        "aiotask._connections",
        "aiotask._credentials",
        "aiotask._last_answer",
    ],
    ["aiotask._call"],
    ["aiotask._authorizer", "aiotask._repetition"],
    ["aiotask._session"],
    ["aiotask._paging"],
    *BULK,
    ["aiotask._collection"],
    ["aiotask.taskrouter", "aiotask.autopilot"],
    ["aiotask._client", "aiotask.webhooks", "aiotask.blueprint"],
    ["aiotask._worker", "aiotask.metrics"],
    ["aiotask.engines"],
    *SANDBOX,
    *CONSOLE,
    ["aiotask"],
    ["aiotask.cli", "aiotask.pytest_plugin"],
    ["aiotask.__main__", "aiotask.guide"],
]
LAYER_OF = {name: level for level, names in enumerate(LAYERS) for name in names}
# The sandbox knows nothing of the client. The command line knows both, and the console, which asks
# the sandbox's routing what would become of a task.
APART = "aiotask.sandbox"
# Where an optional extra is looked for.
EXTRAS = {
    "aiotask.__main__",
    "aiotask._worker_token",
    "aiotask.cli.keyrings",
    "aiotask.console._jinja",
    "aiotask.metrics",
    "aiotask.sandbox._sorted",
}

MODULES = {
    ".".join(("aiotask", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@functools.cache
def is_divided(package: str) -> bool:
    return any(name != package and within(name, package) for name in LAYER_OF)


@functools.cache
def layer(module: str) -> tuple[int, str]:
    names = [
        name for name in LAYER_OF if (module == name if is_divided(name) else within(module, name))
    ]
    assert names, f"{module} has no layer"
    home = max(names, key=len)
    return LAYER_OF[home], home


def imports(tree: ast.AST, package: str = "") -> Iterator[tuple[ast.stmt, str]]:
    """Return what is imported, in a stub also by names relative to its *package*."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == (1 if package else 0), "imports are absolute"
            source = ".".join(filter(None, (package, node.module)))
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield node, whole if whole in MODULES else source


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


@functools.cache
def imported_by(module: str) -> set[str]:
    """Return the modules of aiotask that a module imports, at once or, by its stub, lazily."""
    path = MODULES[module]
    found = {name for _, name in imports(tree_of(module))}
    stub = path.with_suffix(".pyi")
    if stub.exists():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        found |= {name for _, name in imports(ast.parse(stub.read_text()), package)}
    texts = (
        str(each.value) for each in ast.walk(tree_of(module)) if isinstance(each, ast.Constant)
    )
    found |= {text.partition(":")[0] for text in texts if COMMAND.fullmatch(text)}
    return {name for name in found if within(name, "aiotask")} - {module}


def test_a_module_imports_only_from_lower_layers() -> None:
    wrong = []
    for module in MODULES:
        mine, home = layer(module)
        for imported in imported_by(module):
            other, theirs = layer(imported)
            if other >= mine and home != theirs:
                wrong.append(f"{module} imports {imported}")
    assert not wrong


def test_the_sandbox_and_the_client_do_not_import_each_other() -> None:
    for module in MODULES:
        apart = {imported for imported in imported_by(module) if within(imported, APART)}
        if within(module, APART):
            assert apart == imported_by(module), module
        elif not (within(module, "aiotask.cli") or within(module, "aiotask.console")):
            assert apart <= {APART if module == "aiotask" else ""}, module


def test_the_lazily_loaded_is_seen() -> None:
    assert "aiotask.taskrouter.api" in imported_by("aiotask.taskrouter")
    assert "aiotask.taskrouter.tasks" in imported_by("aiotask.taskrouter._lazy")
    assert APART in imported_by("aiotask")
    assert "aiotask.cli.commands.import_" in imported_by("aiotask.cli.commands.tasks")


def test_every_import_is_made_when_the_module_is() -> None:
    for module in MODULES.keys() - EXTRAS:
        tree = tree_of(module)
        at_top = {id(node) for node in tree.body}
        assert all(id(node) in at_top for node, _ in imports(tree)), module
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert "TYPE_CHECKING" not in names, module


def test_modules_of_one_package_do_not_import_in_a_circle() -> None:
    edges = {module: imported_by(module) & MODULES.keys() for module in MODULES}
    while edges:
        free = {module for module, needed in edges.items() if not needed & edges.keys()}
        assert free, f"a circle among {sorted(edges)}"
        edges = {module: needed for module, needed in edges.items() if module not in free}
