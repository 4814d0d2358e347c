"""Codecs of resources, derived from annotations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec
import pytest

from aiotask.sandbox.model.changes import DERIVED
from aiotask.sandbox.storage.codecs import Codec, Planner


class Other:
    def __init__(self, sid: str) -> None:
        self.sid = sid


class Spot(NamedTuple):
    other: Other | None = None
    number: int = 0


@dataclass
class Part:
    other: Other
    size: float = 0.5


@dataclass
class Whole:
    sid: str
    color: Literal["red", "blue"]
    other: Other
    perhaps: Other | None
    number: int | str | None
    spots: list[Spot]
    pair: tuple[int, Other]
    row: tuple[Other, ...]
    names: frozenset[str]
    numbers: set[int]
    parts: Mapping[str, Part]
    plain: dict[str, int | None]
    secret: complex
    count: int = field(default=0, metadata=DERIVED)
    deadline: float | None = None


PLANNER = Planner([Other], {complex: Codec(str, lambda saved, _: complex(saved))})


@pytest.mark.parametrize("some", [True, False])
def test_what_is_saved_comes_back(*, some: bool) -> None:
    others = {sid: Other(sid) for sid in "abc"}
    a, b, c = others.values()
    whole = Whole(
        sid="x",
        color="red",
        other=a,
        perhaps=b if some else None,
        number=7 if some else "seven",
        spots=[Spot(c, 2), Spot()],
        pair=(1, a),
        row=(a, b, a) if some else (),
        names=frozenset(["n"]),
        numbers={1, 2},
        parts={"p": Part(c)} if some else {},
        plain={"k": None, "l": 3},
        secret=1j,
        deadline=2.5 if some else None,
    )
    plan = PLANNER.plan(Whole)
    saved = msgspec.json.decode(msgspec.json.encode(plan.write(whole)))
    assert plan.read(saved, others.__getitem__) == whole


def test_what_is_derived_is_not_saved_and_what_was_not_saved_has_its_default() -> None:
    plan = PLANNER.plan(Spot)
    assert plan.read({}, dict[str, Any]().__getitem__) == Spot()
    assert "count" not in PLANNER.plan(Whole).write(
        Whole(
            "", "red", Other("a"), None, 1, [], (1, Other("b")), (), frozenset(), set(), {}, {}, 0
        )
    )


@dataclass
class Unsaved:
    thing: Any


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(KeyError):
        PLANNER.plan(Spot).read({"other": "z"}, dict[str, Any]().__getitem__)


@pytest.mark.parametrize(
    "hint",
    [Any, bytes, bytes | None, Other | int, Other | Part, dict[int, str], list[bytes], type[int]],
)
def test_a_field_that_cannot_be_saved_is_refused_before_anything_is(hint: Any) -> None:
    Unsaved.__annotations__["thing"] = hint
    with pytest.raises(TypeError, match=r"Unsaved\.thing is neither saved nor derived"):
        PLANNER.plan(Unsaved)
