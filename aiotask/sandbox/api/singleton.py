"""Singleton endpoints: statistics."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from aiotask.sandbox._json import JsonSyntaxError, loads
from aiotask.sandbox.api.endpoint import Call, Endpoint
from aiotask.sandbox.model.account import is_sid
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.wire.answers import Answer, answer, method_not_allowed
from aiotask.sandbox.wire.parameters import Parameters

_MOST_QUEUES = 50
# Twilio's page has the first name in its table, and the second in its example.
_LISTS = ("QueueSids", "queueSids")

Figures = dict[str, Any]
Read = Callable[[Parameters], Figures]


class Singleton(Endpoint):
    """An endpoint with one method and no sids."""

    verb: ClassVar[str] = "GET"

    def handle(self, call: Call) -> Answer:
        """Answer the only method."""
        if call.method != self.verb:
            raise method_not_allowed(call.method)
        return self.read(call)

    @abstractmethod
    def read(self, call: Call) -> Answer:
        """Return the answer."""


class Report(Singleton):
    """A statistics endpoint: figures and the sids of their subject."""

    def __init__(self, about: Mapping[str, str], figures: Read) -> None:
        self._about = about
        self._figures = figures

    def read(self, call: Call) -> Answer:
        """Return the figures."""
        return answer(200, {**self._about, "url": call.url, **self._figures(call.parameters)})


class Bulk(Singleton):
    """Real-time statistics of 1 to 50 queues, named in a JSON body.

    Source: https://www.twilio.com/docs/taskrouter/api/taskqueue-statistics. A malformed sid is
    refused, and an unknown queue has zeros.
    """

    takes_json = True
    verb = "POST"

    def __init__(self, about: Mapping[str, str], figures: Callable[[str], Figures]) -> None:
        self._about = about
        self._figures = figures

    def read(self, call: Call) -> Answer:
        """Return the figures of each queue."""
        rows = [{"task_queue_sid": sid, **self._figures(sid)} for sid in _queue_sids(call.body)]
        count = {"task_queue_data": rows, "task_queue_response_count": len(rows)}
        return answer(200, {**self._about, "url": call.url, **count})


def _queue_sids(body: bytes) -> list[str]:
    try:
        asked = loads(body)
    except JsonSyntaxError as error:
        raise invalid(f"The body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise invalid("The body is not a JSON object")
    sids = next((asked[name] for name in _LISTS if name in asked), None)
    if not isinstance(sids, list) or not 1 <= len(sids) <= _MOST_QUEUES:
        raise invalid(f"Invalid queueSids: must be a list of 1 to {_MOST_QUEUES} TaskQueue sids")
    for sid in sids:
        if not isinstance(sid, str) or not is_sid(sid, "WQ"):
            raise invalid(f"Invalid queueSids: {str(sid)[:40]!r} is no sid of a TaskQueue")
    return sids
