"""Every operation of the API has a name and a route of its own, and few they are."""

from itertools import pairwise

import pytest

from aiotask._operations import described
from tests.documented_api import OPERATIONS

SID = "0" * 32
ROUTE = "/v1/Workspaces/{WorkspaceSid}"


def documented() -> list[tuple[str, str, str]]:
    """Return the name, method and route of every operation that is written down."""
    lines = OPERATIONS.strip().splitlines()
    found = []
    for heading, request in pairwise(lines):
        if heading[0] != " ":
            way, verb = heading.split()
            method, path = request.split()[:2]
            found.append(
                (f"{way.removeprefix('workspace.')}.{verb}", method, path.replace("...", ROUTE))
            )
    return found


def test_each_has_a_name_of_its_own() -> None:
    names = [name for name, *_ in documented()]
    assert len(set(names)) == len(names) > 60


@pytest.mark.parametrize("base", ["https://taskrouter.twilio.com", "http://[::1]:8/Tasks/v1/x"])
@pytest.mark.parametrize(("name", "method", "route"), documented())
def test_an_operation_is_told_by_its_method_and_url(
    base: str, name: str, method: str, route: str
) -> None:
    path = route.replace("{", "WT" + SID).replace("}", "")
    assert described(method, f"{base}{path}?PageSize=50") == (name, route)


@pytest.mark.parametrize("url", ["https://taskrouter.twilio.com/v2/Things/1", "", "/v1/Workspace"])
def test_what_is_no_operation_has_one_name(url: str) -> None:
    assert described("GET", url) == ("other", "other")


def test_a_method_that_none_has_keeps_its_name() -> None:
    assert described("PATCH", "/v1/Workspaces/1").operation == "workspaces.patch"
