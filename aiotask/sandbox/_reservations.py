"""Reservations over HTTP, below their task and below their worker."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aiotask.sandbox._answers import Answer, invalid
from aiotask.sandbox._calls import Call
from aiotask.sandbox._instructions import Request
from aiotask.sandbox._parameters import Parameters
from aiotask.sandbox._reservation import RESERVATION_STATUSES, Reservation
from aiotask.sandbox._shelf import Shelf
from aiotask.sandbox._stores import Stores
from aiotask.sandbox._transitions import Transitions


class Desk(NamedTuple):
    """What both views of the reservations of one workspace work with."""

    stores: Stores
    transitions: Transitions


class _Move(NamedTuple):
    origins: frozenset[str]
    wanted: str


# What TaskRouter documents that an update may do; the rest of the statuses come about otherwise.
_MOVES: Mapping[str, _Move] = {
    "accepted": _Move(frozenset(["pending"]), "a Pending"),
    "rejected": _Move(frozenset(["pending"]), "a Pending"),
    "wrapping": _Move(frozenset(["accepted"]), "an Accepted"),
    "completed": _Move(frozenset(["accepted", "wrapping"]), "an Accepted or Wrapping"),
}


class _Reservations(Shelf[Reservation]):
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

    def __init__(self, desk: Desk, held: Mapping[str, Reservation]) -> None:
        super().__init__(desk.stores.reservations, desk.stores.workspace_sid)
        self._desk = desk
        self._held = held

    def items(self) -> Mapping[str, Reservation]:
        """Return what there is to be read."""
        return self._held

    def update(self, call: Call) -> Answer:
        """Do with a reservation what a status or an instruction says."""
        reservation = self.matched(call)
        request = Request.read(call.parameters, self._desk.stores.activities)
        _check(reservation, request)
        transitions = self._desk.transitions
        if request.post_work_activity is not None:
            changes = {"post_work_activity": request.post_work_activity}
            self.store.change(reservation, changes)
        match request.status:
            case "accepted":
                transitions.accept(reservation)
            case "rejected":
                transitions.reject(reservation, request.worker_activity)
            case "wrapping":
                transitions.wrap_up(reservation)
            case "completed":
                transitions.complete(reservation)
            case _:
                self.store.change(reservation, {})
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
            **item.dates(),
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

    filters = {"WorkerSid": "worker_sid"}  # noqa: RUF012 - declared a ClassVar by Shelf

    def __init__(self, desk: Desk, sid: str) -> None:
        super().__init__(desk, desk.stores.reservations.of_task(sid))


class WorkerReservations(_Reservations):
    """The reservations of one worker."""

    def __init__(self, desk: Desk, sid: str) -> None:
        super().__init__(desk, desk.stores.reservations.of_worker(sid))


def _check(reservation: Reservation, request: Request) -> None:
    """Refuse what cannot be done in the status that a reservation has."""
    named = f"Reservation {reservation.sid} is not currently in"
    if request.instruction:
        wanted = "accepted" if request.instruction == "supervise" else "pending"
        if reservation.status != wanted:
            verb = request.instruction.capitalize()
            article = "an Accepted" if wanted == "accepted" else "a Pending"
            raise invalid(f"Unable to execute {verb} instruction. {named} {article} state.")
    elif request.status is not None:
        move = _MOVES.get(request.status)
        if move is None:
            raise invalid(f"Reservation {reservation.sid} cannot be set to {request.status}")
        if reservation.status not in move.origins:
            raise invalid(f"Unable to set to {request.status}. {named} {move.wanted} state.")
