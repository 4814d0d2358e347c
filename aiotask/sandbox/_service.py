"""The service behind the sandbox's socket: which operation a request means; knows no aiohttp."""

from typing import NamedTuple
from urllib.parse import unquote

from aiotask.sandbox._account import Account, is_sid
from aiotask.sandbox._answers import Answer, method_not_allowed, not_found, too_many_requests
from aiotask.sandbox._autopilot import AutopilotTasks
from aiotask.sandbox._calls import Call, Collection
from aiotask.sandbox._limits import Window
from aiotask.sandbox._parameters import Parameters
from aiotask.sandbox._workspaces import Workspaces

METHODS = frozenset(["GET", "POST", "DELETE"])

EXPRESSION_SECONDS = 10
"""Over how long TaskRouter averages its rates, by its API overview."""

_EXPRESSIONS = {"Tasks": "EvaluateTaskAttributes", "TaskQueues": "EvaluateWorkerAttributes"}


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

    def __init__(self, account: Account, expression_rate: float | None) -> None:
        self.workspaces = Workspaces(account)
        self._account = account
        self._assistants: dict[str, AutopilotTasks] = {}
        self._expression_rate = expression_rate
        self._windows: dict[str, Window] = {}

    def answer(self, request: Request) -> Answer:
        """Do what a request asks for; all that is wrong with it is raised as a Refusal."""
        parts = request.path.split("/")
        collection = self._collection(parts)
        if collection is None:
            raise not_found(request.path.removeprefix("/v1"))
        if request.method not in METHODS:
            raise method_not_allowed(request.method)
        named = len(parts) % 2 == 0
        parameters = Parameters.parse(request.form if request.method == "POST" else request.query)
        if request.method == "GET" and not named:
            self._check_rate(parts, parameters)
        call = Call(
            method=request.method,
            origin=request.origin,
            path=request.path.removeprefix("/v1"),
            parent=request.origin + "/".join(parts[: -2 if named else -1]),
            parameters=parameters,
            if_match=request.if_match,
            sid=unquote(parts[-1]) if named else "",
        )
        return collection.handle(call)

    def _collection(self, parts: list[str]) -> Collection | None:
        """Return the collection that a path means or leads through; paths are case-sensitive."""
        match parts:
            case ["", "v1", "Workspaces"] | ["", "v1", "Workspaces", _]:
                return self.workspaces if parts[-1] else None
            case ["", "v1", "Workspaces", sid, name] | ["", "v1", "Workspaces", sid, name, _]:
                workspace = self.workspaces.get(sid)
                return workspace.collections.get(name) if workspace and parts[-1] else None
            case ["", "v1", "Assistants", sid, "Tasks"] | ["", "v1", "Assistants", sid, "Tasks", _]:
                return self._assistant(sid) if parts[-1] and is_sid(sid, "UA") else None
        return None

    def _assistant(self, sid: str) -> AutopilotTasks:
        if sid not in self._assistants:
            self._assistants[sid] = AutopilotTasks(self._account, sid)
        return self._assistants[sid]

    def _check_rate(self, parts: list[str], parameters: Parameters) -> None:
        """Hold back lists by an expression.

        Twilio documents 3 requests a second for each of them (changelog of 2024-10-18), counted by
        workspace and kind of list.
        """
        name = _EXPRESSIONS.get(parts[-1])
        if self._expression_rate is None or name is None or not parameters.text(name):
            return
        window = self._windows.get("/".join(parts))
        if window is None:
            window = Window(self._expression_rate, EXPRESSION_SECONDS, self._account.clock)
            self._windows["/".join(parts)] = window
        if not window.accept():
            raise too_many_requests()


def kind_of(method: str, path: str) -> str:
    """Return what a request is counted as: its method and the kind of its path."""
    parts = path.split("/")
    if len(parts) % 2:
        return f"{method} {parts[-1]}"
    return f"{method} {parts[-2]}/{{Sid}}"
