"""The words of the code: docstrings of modules, lengths of files, nothing left to do."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "aiotask"
TEXTS = {
    str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
INTERROGATIVES = re.compile(r"(What|Who|Whose|Whom|How|Where|When|Which|Why)(so)?(ever)?\b")
LONGEST = 350  # lines


def docstring_of(text: str) -> str:
    return ast.get_docstring(ast.parse(text)) or ""


def test_every_module_has_a_docstring() -> None:
    assert [name for name, text in TEXTS.items() if not docstring_of(text)] == []


def test_the_docstring_of_a_module_begins_with_no_interrogative() -> None:
    begun = {name: docstring_of(text).partition("\n")[0] for name, text in TEXTS.items()}
    assert {name: line for name, line in begun.items() if INTERROGATIVES.match(line)} == {}


def test_every_file_is_short_enough_to_be_read_at_once() -> None:
    lines = {name: len(text.splitlines()) for name, text in TEXTS.items()}
    assert {name: count for name, count in lines.items() if count >= LONGEST} == {}


def test_nothing_is_left_to_do() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX)\b")
    assert [name for name, text in TEXTS.items() if left.search(text)] == []


def test_the_map_of_bulk_runs_has_every_module() -> None:
    folder = PACKAGE / "bulk"
    text = (folder / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_no_text_is_half_merged() -> None:
    pages = [PACKAGE.parent / "README.md", *PACKAGE.rglob("*.md")]
    texts = [*TEXTS.values(), *(page.read_text(encoding="utf-8") for page in pages)]
    assert not any(re.search("^(<{7}|>{7}) ", text, re.MULTILINE) for text in texts)
