"""Access tokens of workers: what others read in them."""

import subprocess
import sys
import time
import traceback
from typing import Any

import jwt
import pytest
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import TaskRouterGrant

from aiotask import worker_token

ACCOUNT, KEY, SECRET = "AC" + "1" * 32, "SK" + "2" * 32, "s3cret" * 6
WORKSPACE, WORKER = "WS" + "3" * 32, "WK" + "4" * 32
SIDS = (ACCOUNT, KEY, SECRET, WORKSPACE, WORKER)


def read(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"])
    return claims


def test_a_token_is_signed_by_the_key_and_lives_as_long_as_it_is_told() -> None:
    before = int(time.time())
    claims = read(worker_token(*SIDS, ttl=60))
    assert before <= claims["nbf"] <= time.time()
    assert claims["exp"] - claims["nbf"] == 60
    assert (claims["iss"], claims["sub"]) == (KEY, ACCOUNT)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(worker_token(*SIDS), "another" * 6, algorithms=["HS256"])


def test_a_token_is_the_one_that_twilios_library_makes() -> None:
    grant = TaskRouterGrant(workspace_sid=WORKSPACE, worker_sid=WORKER, role="worker")
    theirs = AccessToken(ACCOUNT, KEY, SECRET, grants=[grant]).to_jwt()
    ours = worker_token(*SIDS)
    assert jwt.get_unverified_header(ours) == jwt.get_unverified_header(theirs)
    passing = {"jti", "nbf", "exp"}
    assert {k: v for k, v in read(ours).items() if k not in passing} == {
        k: v for k, v in read(theirs).items() if k not in passing
    }
    assert read(ours).keys() == read(theirs).keys()
    for claims in (read(ours), read(theirs)):
        assert claims["jti"] == f"{KEY}-{claims['nbf']}"
        assert claims["exp"] - claims["nbf"] == 3600
    assert AccessToken.from_jwt(ours, SECRET).payload == read(ours)


def test_a_token_has_what_taskrouters_javascript_sdk_reads() -> None:
    # twilio-taskrouter 2.1.1 takes these from the token: sub, and three members of the grant.
    claims = read(worker_token(*SIDS))
    grant = claims["grants"]["task_router"]
    assert (claims["sub"], grant["workspace_sid"]) == (ACCOUNT, WORKSPACE)
    assert (grant["worker_sid"], grant["role"]) == (WORKER, "worker")


WRONG = {
    "account_sid": (0, "SK" + "1" * 32),
    "api_key": (1, ACCOUNT),
    "api_secret": (2, ""),
    "workspace_sid": (3, "WS1"),
    "worker_sid": (4, None),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_value_that_cannot_be_right_is_named(name: str) -> None:
    given: list[Any] = [*SIDS]
    place, wrong = WRONG[name]
    given[place] = wrong
    with pytest.raises(ValueError, match=f"^{name}: must be") as caught:
        worker_token(*given)
    for frame, _ in traceback.walk_tb(caught.value.__traceback__):
        if "tests" not in frame.f_code.co_filename:
            assert SECRET not in repr(frame.f_locals)


@pytest.mark.parametrize("ttl", [0, -1, 86_401, 1.5, True, "60"])
def test_a_token_lives_a_day_at_most(ttl: Any) -> None:
    with pytest.raises(ValueError, match=r"^ttl: must be an int 1 to 86400"):
        worker_token(*SIDS, ttl=ttl)


def test_without_its_extra_it_says_in_a_sentence_what_to_install() -> None:
    script = "import sys; sys.modules['jwt'] = None; import aiotask; aiotask.worker_token("
    script += ", ".join(map(repr, SIDS)) + ")"
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == (
        "ImportError: aiotask.worker_token needs its extra: pip install 'aiotask[tokens]'"
    )
    assert "During handling" not in done.stderr
