"""The errors: one tree, plain values, and they pickle."""

import copy
import pickle
import re

import pytest

import aiotask
from aiotask import Client, RetryPolicy, errors
from aiotask.errors import AiotaskError, AnswerError, ConfigurationError, JournalError
from tests.conftest import Cut, RawServer, Reaction, answer

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


ACCOUNT_PATH = "https://proxy.example/twilio/v1"
WORKSPACE = "WS" + "1" * 32
PLACE = f"{ACCOUNT_PATH}/Workspaces/{WORKSPACE}"
OF = "in the account or the region of these credentials"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        (PLACE, f"; the workspace {WORKSPACE} does not exist {OF}"),
        (f"{PLACE}/Tasks", f"; the workspace {WORKSPACE} may not exist {OF}"),
        (f"{PLACE}/Statistics", f"; the workspace {WORKSPACE} may not exist {OF}"),
        (f"{PLACE}/Workers/RealTimeStatistics", f"; the workspace {WORKSPACE} may not exist {OF}"),
        (
            f"{PLACE}/Tasks/WT{'2' * 32}",
            f"; it, or the workspace {WORKSPACE} itself, does not exist {OF}",
        ),
        (
            f"{PLACE}/Workers/WK{'2' * 32}/Reservations",
            f"; it, or the workspace {WORKSPACE} itself, does not exist {OF}",
        ),
        (f"{ACCOUNT_PATH}/Workspaces", ""),
        (f"{ACCOUNT_PATH}/Assistants/UA{'3' * 32}/Tasks", ""),
        (None, ""),
    ],
)
def test_a_404_says_that_the_workspace_may_be_another_ones(url: str | None, hint: str) -> None:
    error = aiotask.NotFoundError("not found", status=404, headers={})
    error.method, error.url = (None if url is None else "GET"), url
    at = "" if url is None else f" (GET {url})"
    assert str(error) == f"not found [status 404]{at}{hint}"


async def test_a_workspace_that_is_not_there_is_told_of_by_every_call(client: Client) -> None:
    tasks = client.taskrouter.workspace(WORKSPACE).tasks
    for call in (
        client.taskrouter.workspaces.fetch(WORKSPACE),
        tasks.create(attributes={}),
        tasks.list().all(),
        anext(tasks.create_many([{}])),
        tasks.fetch("WT" + "2" * 32),
    ):
        with pytest.raises(aiotask.NotFoundError, match=f"; .*the workspace {WORKSPACE} .*{OF}"):
            await call


@pytest.mark.parametrize(
    ("reaction", "reason"),
    [
        (answer(b"{]"), "not JSON (object keys must be strings (byte 1)): 2 bytes of application"),
        ("close", "Server disconnected ("),
        (Cut(answer(b"{}")[:-1]), "the answer broke off: Response payload is not completed"),
    ],
)
async def test_no_message_says_a_thing_twice(reaction: Reaction, reason: str) -> None:
    once = RetryPolicy(attempts=1)
    async with (
        RawServer(reaction) as server,
        Client("AC1", "x", base_url=server.url, retry=once) as client,
    ):
        with pytest.raises(AiotaskError) as caught:
            await client.taskrouter.workspaces.fetch(WORKSPACE)
    assert str(caught.value).startswith(reason)
