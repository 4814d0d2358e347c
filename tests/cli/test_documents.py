"""Documents in files: what is written is read as it was, in YAML as in JSON."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask.cli.documents import is_file, json_text, read_document, yaml_text
from aiotask.cli.errors import WrongUsageError

ODD = ["", "~", "null", "Null", "On", "no", "True", "true", "1", "-0", "+1", "010", "0x1f", "1e5"]
ODD += ["1.", "1.5e+3", ".5", "1_000", "12:30", "2026-11-26", "<<", "=", "- a", "a: b", "# c", "*a"]
ODD += ["&a", "{activity:On}", "%", "@", "\n", " a ", "a\n b", "\x85", "\ufeff", "'", '"', "!x"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(ODD)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda parts: st.lists(parts) | st.dictionaries(TEXTS, parts),
)


@given(value=VALUES)
def test_what_is_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for text, name in ((yaml_text, "document.yaml"), (json_text, "document.json")):
        path = folder / name
        path.write_bytes(text(value).encode())
        read = read_document(str(path))
        assert read == value
        assert repr(read) == repr(value)  # true is not 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: On", {"a": "On"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2026-11-26", {"a": "2026-11-26"}),
        ("a: 010", {"a": "010"}),
        ("a: [1, 1.5, -2, true, null, ~, ]", {"a": [1, 1.5, -2, True, None, None]}),
        ("a:", {"a": None}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ('{"a": {"b": "{activity:Lunch}"}}', {"a": {"b": "{activity:Lunch}"}}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_yaml_is_read_as_json_would_be(tmp_path: Path, text: str, value: Any) -> None:
    path = tmp_path / "document.yml"
    path.write_text(text, encoding="utf-8")
    assert read_document(str(path)) == value


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.yaml", b"a: 1\na: 2", "'a' is there twice in"),
        ("a.yaml", b"a: [1", "while parsing a flow sequence"),
        ("a.yaml", b"a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a.yaml", b"1: 2", "must have text for names, not int"),
        ("a.yaml", b"&a [*a]", "must not be nested more than 254 levels deep"),
        ("a.yaml", b"a: 1\n--- \nb: 2", "expected a single document in the stream"),
        ("a.yaml", b"\xff", "'utf-8' codec can't decode byte 0xff"),
        ("a.yaml", b"[" * 5000, "nested too deeply"),
        ("a.yaml", b"a: " + b"1" * 5000, "Exceeds the limit"),
        ("a.json", b"a: 1", "invalid character"),
        ("a.json", None, "No such file"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(
    tmp_path: Path, name: str, text: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(WrongUsageError) as caught:
        read_document(str(path))
    assert caught.value.message.startswith(f"cannot read {path}: ")
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


def test_a_name_of_a_file_is_told_from_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "support").touch()
    assert all(map(is_file, ("-", "a.yaml", "a.yml", "b/a.json", str(tmp_path / "support"))))
    assert not any(map(is_file, ("Support", "WS" + "0" * 32, str(tmp_path))))
