"""Request dispatch: from a path to an endpoint, independent of aiohttp."""

import logging
from typing import NamedTuple
from urllib.parse import unquote

from aiotask.sandbox._workspace import Watch, WorkspaceStore
from aiotask.sandbox.api.autopilot import AutopilotTasks
from aiotask.sandbox.api.endpoint import Call, Collection, Endpoint
from aiotask.sandbox.api.workspaces import Workspaces
from aiotask.sandbox.clock.rate_window import SlidingWindow
from aiotask.sandbox.model.account import Account, is_sid
from aiotask.sandbox.model.changes import StoreError
from aiotask.sandbox.wire.answers import (
    Answer,
    method_not_allowed,
    not_found,
    server_error,
    too_many_requests,
)
from aiotask.sandbox.wire.parameters import Parameters

_log = logging.getLogger("aiotask.sandbox")

METHODS = frozenset(["GET", "POST", "DELETE"])

RATE_SECONDS = 10
"""The span over which TaskRouter averages its rates, by its API overview."""

BULK_RATE = 5
"""Bulk statistics per second, by Twilio's page about them."""

_EXPRESSIONS = {
    "Tasks": "EvaluateTaskAttributes",
    "TaskQueues": "EvaluateWorkerAttributes",
    "Workers": "TargetWorkersExpression",
}


class Request(NamedTuple):
    """The parts of an HTTP request that the service reads."""

    method: str
    origin: str
    path: str
    query: bytes
    form: bytes
    if_match: str | None


class Service:
    """All resources of one account by path."""

    def __init__(self, account: Account, expression_rate: float | None, watch: Watch) -> None:
        self.workspaces: WorkspaceStore = WorkspaceStore(account, watch)
        self._workspaces = Workspaces(self.workspaces)
        self._account = account
        self._assistants: dict[str, AutopilotTasks] = {}
        self._expression_rate = expression_rate
        self._windows: dict[str, SlidingWindow] = {}

    def answer(self, request: Request) -> Answer:
        """Execute a request between due timers and routing; raise a Refusal if it is wrong.

        Changes are saved before the answer. While the store fails, requests get 500 and are not
        executed; as with any 500, the first of them may have been executed.
        """
        # Changes that could not be saved come first: nothing may be built on them unsaved.
        self._commit()
        self._account.scheduler.catch_up()
        try:
            return self.carry_out(request)
        finally:
            self._account.scheduler.settle()
            self._commit()

    def _commit(self) -> None:
        try:
            self._account.changes.commit()
        except StoreError as error:
            _log.error("%s", error)
            raise server_error() from error

    def carry_out(self, request: Request) -> Answer:
        """Execute a request alone, without timers, routing and saving."""
        parts = request.path.split("/")
        endpoint, sid = self._endpoint(parts)
        if endpoint is None:
            raise not_found(request.path.removeprefix("/v1"))
        if request.method not in METHODS:
            raise method_not_allowed(request.method)
        parameters = Parameters()
        if not endpoint.takes_json:
            sent = request.form if request.method == "POST" else request.query
            parameters = Parameters.parse(sent)
        asked = _EXPRESSIONS.get(parts[-1], "") if request.method == "GET" else ""
        if parameters.text(asked):
            self._check_rate(request.path, self._expression_rate)
        elif endpoint.takes_json and self._expression_rate is not None:
            self._check_rate(request.path, BULK_RATE)
        call = Call(
            method=request.method,
            origin=request.origin,
            path=request.path.removeprefix("/v1"),
            parent=request.origin + "/".join(parts[: -2 if len(parts) % 2 == 0 else -1]),
            parameters=parameters,
            if_match=request.if_match,
            sid=sid,
            body=request.form,
        )
        return endpoint.handle(call)

    def _endpoint(self, parts: list[str]) -> tuple[Endpoint | None, str]:
        """Return the endpoint of a path, and the sid of one of its resources.

        Collections and sids alternate in a path, except for statistics, which replace either.
        """
        match parts:
            case ["", "v1", "Workspaces", *rest]:
                collection: Collection = self._workspaces
            case ["", "v1", "Assistants", sid, "Tasks", *rest] if is_sid(sid, "UA"):
                collection = self.assistant(sid)
            case _:
                return None, ""
        while len(rest) > 1:
            below = collection.below(rest[0], rest[1])
            rest = rest[2:]
            if not isinstance(below, Collection):
                return (None if rest else below), ""
            collection = below
        if not rest:
            return collection, ""
        special = collection.special(rest[0])
        if special is not None or not rest[0]:
            return special, ""
        return collection, unquote(rest[0])

    def assistant(self, sid: str) -> AutopilotTasks:
        """Return the tasks of an assistant; any sid is one."""
        if sid not in self._assistants:
            self._assistants[sid] = AutopilotTasks(self._account, sid)
        return self._assistants[sid]

    def _check_rate(self, path: str, rate: float | None) -> None:
        """Refuse a request above its documented rate, per workspace and kind.

        Lists by an expression (changelog of 2024-10-18) and bulk statistics have one.
        """
        if rate is None:
            return
        window = self._windows.get(path)
        if window is None:
            window = self._windows[path] = SlidingWindow(rate, RATE_SECONDS, self._account.clock)
        if not window.accept():
            raise too_many_requests()


def kind_of(method: str, path: str) -> str:
    """Return the kind of a request, such as "POST Tasks" or "GET Tasks/{Sid}"."""
    *_, holder, name, last = ["", "", *path.split("/")]
    if last.endswith("Statistics"):
        # In place of a collection's name they are about one resource, in place of a sid about all.
        one = path.count("/") % 2 == 0
        return f"{method} {holder}/{{Sid}}/{last}" if one else f"{method} {name}/{last}"
    return f"{method} {last}" if path.count("/") % 2 == 0 else f"{method} {name}/{{Sid}}"
