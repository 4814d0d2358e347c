"""The service's side of a job: a sandbox whose tasks come to an end, change, and are doubled."""

import asyncio
from collections import Counter
from contextlib import suppress
from random import Random
from urllib.parse import urlencode

import msgspec

from aiotask.sandbox import Sandbox
from aiotask.sandbox.api.dispatch import Request
from aiotask.sandbox.wire.answers import Answer
from kill.comparison import Task, task_of
from kill.incidents import Incident

_LOOK_EVERY = 0.2  # seconds
_LEAP = 400.0  # seconds, after which a service has no task any longer that was at its end
_REPLACED, _COMPLETED, _DOUBLED = 0.03, 0.1, 0.01  # shares of the creates


class _Created(msgspec.Struct):
    sid: str
    attributes: str


class ServiceSide:
    """Keeps all tasks that were ever created in a workspace, and lets incidents befall them.

    ``doubled`` has the rows whose create was delivered twice, each with the number of times.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        workspace: str,
        random: Random,
        incidents: frozenset[Incident],
        counts: Counter[Incident],
    ) -> None:
        self.seen: dict[str, Task] = {}
        self.doubled: Counter[int] = Counter()
        self._sandbox = sandbox
        self._tasks_path = f"/v1/Workspaces/{workspace}/Tasks"
        self._random = random
        self._incidents = incidents
        self._counts = counts
        self._uncompleted: list[str] = []
        # No setting of the sandbox does such things to a request.
        self._service = sandbox._service  # noqa: SLF001
        self._carry_out = self._service.carry_out
        self._service.carry_out = self._watched  # type: ignore[method-assign]

    def complete(self) -> None:
        """Complete half of the tasks that are new since the last time."""
        for sid in self._uncompleted:
            if self._random.random() < 1 / 2:
                with suppress(LookupError):  # it was completed at once, and is removed by now
                    self._sandbox.set_status(sid, "completed")
        self._uncompleted.clear()

    async def keep_completing(self) -> None:
        """Complete tasks until cancelled."""
        while True:
            self.complete()
            await asyncio.sleep(_LOOK_EVERY)

    async def leap(self) -> None:
        """Advance the time, so that tasks that have ended leave the lists."""
        self.complete()
        await self._sandbox.advance(seconds=_LEAP)

    def _watched(self, request: Request) -> Answer:
        answer = self._carry_out(request)
        if request.method == "POST" and request.path == self._tasks_path:
            task = self._note(answer)
            if self._befalls("create delivered twice", _DOUBLED) and task.number is not None:
                self._note(self._carry_out(request))
                self.doubled[task.number] += 1
        return answer

    def _note(self, answer: Answer) -> Task:
        created = msgspec.json.decode(answer.body, type=_Created)
        task = self.seen[created.sid] = task_of(created.sid, created.attributes)
        self._uncompleted.append(created.sid)
        # The sandbox is in the middle of a request now.
        soon = asyncio.get_running_loop().call_soon
        if self._befalls("attributes replaced", _REPLACED):
            soon(self._replace, created.sid)
        if self._befalls("completed at once", _COMPLETED):
            soon(self._sandbox.set_status, created.sid, "completed")
        return task

    def _befalls(self, incident: Incident, share: float) -> bool:
        befalls = incident in self._incidents and self._random.random() < share
        self._counts[incident] += befalls
        return befalls

    def _replace(self, sid: str) -> None:
        """Replace a task's attributes as a worker's software does that knows only its own."""
        self._service.answer(
            Request(
                method="POST",
                origin=self._sandbox.url,
                path=f"{self._tasks_path}/{sid}",
                query=b"",
                form=urlencode({"Attributes": '{"handled": true}'}).encode(),
                if_match=None,
            )
        )
