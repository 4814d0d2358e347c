"""Endpoints of reservations, below tasks and below workers."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from aiotask.sandbox.api.collection import ReadOnlyCollection
from aiotask.sandbox.api.dates import dates
from aiotask.sandbox.api.endpoint import Call
from aiotask.sandbox.api.reservation_instructions import Request
from aiotask.sandbox.model.reservation import RESERVATION_STATUSES, Reservation
from aiotask.sandbox.model.transitions import Transitions
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.answers import Answer
from aiotask.sandbox.wire.parameters import Parameters


class WorkspaceAccess(NamedTuple):
    """The stores and transitions of one workspace."""

    stores: Stores
    transitions: Transitions


class _Reservations(ReadOnlyCollection[Reservation]):
    """The reservations of one task or worker.

    Undocumented by Twilio; the sandbox: an update that the status does not allow is refused with
    20001, and dequeue and conference accept at once, as if the worker answered the call.
    """

    key = "reservations"
    etags = True

    def __init__(self, access: WorkspaceAccess, held: Mapping[str, Reservation]) -> None:
        super().__init__(access.stores.reservations, access.stores.workspace_sid)
        self._access = access
        self._held = held

    def items(self) -> Mapping[str, Reservation]:
        """Return the readable reservations by sid."""
        return self._held

    def update(self, call: Call) -> Answer:
        """Execute a status change or an instruction."""
        reservation = self.matched(call)
        request = Request.read(call.parameters, self._access.stores.activities)
        request.carry_out(reservation, self._access.stores.reservations, self._access.transitions)
        return self.answer(call, 200, reservation)

    def matcher(self, parameters: Parameters) -> Callable[[Reservation], bool]:
        """Return the filter by status, and by worker below a task."""
        named = super().matcher(parameters)
        status = parameters.chosen("ReservationStatus", RESERVATION_STATUSES)
        return lambda item: status in (None, item.status) and named(item)

    def render(self, item: Reservation, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        workspace = parent.rsplit("/", 2)[0]
        return {
            "account_sid": self.account.sid,
            **dates(item),
            "links": {
                "task": f"{workspace}/Tasks/{item.task.sid}",
                "worker": f"{workspace}/Workers/{item.worker.sid}",
                "workspace": workspace,
            },
            "reservation_status": item.status,
            "sid": item.sid,
            "task_sid": item.task.sid,
            "url": f"{parent}/Reservations/{item.sid}",
            "worker_name": item.worker.friendly_name,
            "worker_sid": item.worker.sid,
            "workspace_sid": self.workspace_sid,
        }


class TaskReservations(_Reservations):
    """The reservations of one task."""

    filters: ClassVar[Mapping[str, str]] = {"WorkerSid": "worker_sid"}

    def __init__(self, access: WorkspaceAccess, sid: str) -> None:
        super().__init__(access, access.stores.reservations.of_task(sid))


class WorkerReservations(_Reservations):
    """The reservations of one worker."""

    def __init__(self, access: WorkspaceAccess, sid: str) -> None:
        super().__init__(access, access.stores.reservations.of_worker(sid))
