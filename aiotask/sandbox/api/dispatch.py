"""The service behind the sandbox's socket: which operation a request means; knows no aiohttp."""

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
"""Over how long TaskRouter averages its rates, by its API overview."""

BULK_RATE = 5
"""How many bulk statistics a second Twilio's page about them allows."""

_EXPRESSIONS = {
    "Tasks": "EvaluateTaskAttributes",
    "TaskQueues": "EvaluateWorkerAttributes",
    "Workers": "TargetWorkersExpression",
}


class Request(NamedTuple):
    """What of an HTTP request matters to the service."""

    method: str
    origin: str
    path: str
    query: bytes
    form: bytes
    if_match: str | None


class Service:
    """All resources of one account, by their paths."""

    def __init__(self, account: Account, expression_rate: float | None, watch: Watch) -> None:
        self.workspaces = WorkspaceStore(account, watch)
        self._workspaces = Workspaces(self.workspaces)
        self._account = account
        self._assistants: dict[str, AutopilotTasks] = {}
        self._expression_rate = expression_rate
        self._windows: dict[str, SlidingWindow] = {}

    def answer(self, request: Request) -> Answer:
        """Do what a request asks for; all that is wrong with it is raised as a Refusal.

        What is due is done before, and tasks are routed after the answer is written. What changed
        is saved before it is answered. While something cannot be saved, requests are refused with
        500 and nothing more is done; as with any 500, the one that first got it may have been done
        nevertheless.
        """
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
        """Do what a request asks for, and nothing of what stands around one."""
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
            self._hold_back(request.path, self._expression_rate)
        elif endpoint.takes_json and self._expression_rate is not None:
            self._hold_back(request.path, BULK_RATE)
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
        """Return what a path means, and which of it; paths are case-sensitive.

        Names of collections and sids take turns, but for statistics, which stand in either place.
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
        """Return the tasks of an assistant, which any sid is one of."""
        if sid not in self._assistants:
            self._assistants[sid] = AutopilotTasks(self._account, sid)
        return self._assistants[sid]

    def _hold_back(self, path: str, rate: float | None) -> None:
        """Hold back what Twilio documents a rate of, by workspace and kind.

        That are lists by an expression (changelog of 2024-10-18) and the statistics of several
        queues at once.
        """
        if rate is None:
            return
        window = self._windows.get(path)
        if window is None:
            window = self._windows[path] = SlidingWindow(rate, RATE_SECONDS, self._account.clock)
        if not window.accept():
            raise too_many_requests()


def kind_of(method: str, path: str) -> str:
    """Return what a request is counted as: its method and the kind of its path."""
    *_, holder, name, last = ["", "", *path.split("/")]
    if last.endswith("Statistics"):
        # Above workspaces, collections stand at the even places of a path.
        one = path.count("/") % 2 == 0
        return f"{method} {holder}/{{Sid}}/{last}" if one else f"{method} {name}/{last}"
    return f"{method} {last}" if path.count("/") % 2 == 0 else f"{method} {name}/{{Sid}}"
