"""Reservations over HTTP, below their task and below their worker."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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
    """What both views of the reservations of one workspace work with."""

    stores: Stores
    transitions: Transitions


class _Reservations(ReadOnlyCollection[Reservation]):
    """The reservations of one task or worker.

    What Twilio leaves open is decided so:

    * an update that cannot be carried out in the reservation's status is refused with 20001, in the
      words that users have reported for instructions;
    * only accepted, rejected, wrapping and completed can be set: others come from the service;
    * dequeue and conference are accepted at once, as if the worker answered the call, and the
      activity for after the work begins when the reservation is completed.
    """

    key = "reservations"
    etags = True

    def __init__(self, access: WorkspaceAccess, held: Mapping[str, Reservation]) -> None:
        super().__init__(access.stores.reservations, access.stores.workspace_sid)
        self._access = access
        self._held = held

    def items(self) -> Mapping[str, Reservation]:
        """Return what there is to be read."""
        return self._held

    def update(self, call: Call) -> Answer:
        """Do with a reservation what a status or an instruction says."""
        reservation = self.matched(call)
        request = Request.read(call.parameters, self._access.stores.activities)
        request.carry_out(reservation, self._access.stores.reservations, self._access.transitions)
        return self.answer(call, 200, reservation)

    def matcher(self, parameters: Parameters) -> Callable[[Reservation], bool]:
        """Return the test of the status, and of what the view filters by."""
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

    filters = {"WorkerSid": "worker_sid"}  # noqa: RUF012 - declared a ClassVar by ReadOnlyCollection

    def __init__(self, access: WorkspaceAccess, sid: str) -> None:
        super().__init__(access, access.stores.reservations.of_task(sid))


class WorkerReservations(_Reservations):
    """The reservations of one worker."""

    def __init__(self, access: WorkspaceAccess, sid: str) -> None:
        super().__init__(access, access.stores.reservations.of_worker(sid))
