"""The errors: one tree, plain values, and they pickle."""

import copy
import pickle
import re

import pytest

from aiotask import errors
from aiotask.errors import AiotaskError, AnswerError, ConfigurationError, JournalError

KINDS = [getattr(errors, name) for name in errors.__all__]


def drawn() -> list[tuple[str, str | None]]:
    """Return the classes of the tree in the module's docstring, each with its parent."""
    pairs: list[tuple[str, str | None]] = []
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([ │├└─]*)(\w+Error)\b", line)
        if not found:
            continue
        depth, name = len(found[1]), found[2]
        above = [(d, n) for d, n in above if d < depth]
        pairs.append((name, above[-1][1] if above else None))
        above.append((depth, name))
    return pairs


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    tree = dict(drawn())
    assert set(tree) == set(errors.__all__)
    for name, parent in tree.items():
        bases = getattr(errors, name).__bases__
        assert bases[0].__name__ == (parent or "Exception")


def make(kind: type[AiotaskError]) -> AiotaskError:
    if issubclass(kind, AnswerError):
        error: AiotaskError = kind("no", status=418, headers={"Twilio-Request-Id": "RQ1", "A": "b"})
        assert isinstance(error, AnswerError)
        error.code, error.details, error.retry_after = 20001, {"a": 1}, 2.5
    elif issubclass(kind, JournalError):
        error = kind("no", "import.db")
    else:
        error = kind("no")
    error.method, error.url, error.attempts = "POST", "https://example.com/x", 3
    error.maybe_applied, error.cursor = True, "PageToken=PA1"
    return error


def through_pickle(error: AiotaskError) -> object:
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - our own


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, through_pickle])
def test_every_error_pickles_with_all_that_it_holds(
    kind: type[AiotaskError], duplicate: object
) -> None:
    error = make(kind)
    assert callable(duplicate)
    twin = duplicate(error)
    assert type(twin) is kind
    assert vars(twin) == vars(error)
    assert str(twin) == str(error)
    assert twin.args == error.args == ("no",)


def test_an_error_says_what_was_asked_how_often_and_what_may_have_happened() -> None:
    assert str(make(errors.BadRequestError)) == (
        "no [status 418, code 20001, request RQ1] "
        "(POST https://example.com/x, 3 attempts; it may have been carried out)"
    )
    assert str(make(errors.ConnectionLostError)) == (
        "no (POST https://example.com/x, 3 attempts; it may have been carried out)"
    )
    assert str(ConfigurationError("no credentials")) == "no credentials"


def test_wrong_settings_are_value_errors_too() -> None:
    assert issubclass(ConfigurationError, ValueError)
