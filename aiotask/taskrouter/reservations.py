"""Reservations: a task offered to a worker, seen from the task or from the worker."""

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Generic, Literal, TypedDict, TypeVar, Unpack

import attrs

from aiotask._checks import Between
from aiotask._collection import Fields, SidCheck, Versioned
from aiotask._decoding import AwareDatetime, Links, from_header
from aiotask._paging import Listing, Paging
from aiotask._resource import Resource
from aiotask._verbs import CREATE, UPDATE, Verb
from aiotask.taskrouter._fields import (
    RESERVATION,
    ActivitySid,
    Amount,
    CallSid,
    Url,
    UrlOrNone,
    WorkerSid,
)

__all__ = [
    "ConferenceFields",
    "Reservation",
    "ReservationChanges",
    "ReservationFilter",
    "ReservationStatus",
    "TaskReservationChanges",
    "TaskReservationFilter",
    "TaskReservations",
    "WorkerReservations",
]

ReservationStatus = Literal[
    "pending", "accepted", "rejected", "timeout", "canceled", "rescinded", "wrapping", "completed"
]
Instruction = Literal["accept", "reject", "dequeue", "call", "redirect", "conference", "supervise"]
HttpMethod = Literal["GET", "POST"]
CallEvent = Literal["initiated", "ringing", "answered", "completed"]
ConferenceEvent = Literal["start", "end", "join", "leave", "mute", "hold", "speaker"]

# All others place or move a call, and a repeat would do so once more.
_REPEATABLE = (None, "accept", "reject")


@attrs.frozen(kw_only=True, weakref_slot=False)
class Reservation(Resource):
    """A reservation as the service last reported it.

    ``etag`` names this version of the reservation, for ``if_match``; it is None in the rows of a
    list, and if the service gives none.
    """

    sid: str
    account_sid: str | None = None
    date_created: AwareDatetime | None = None
    date_updated: AwareDatetime | None = None
    reservation_status: str | None = None
    task_sid: str | None = None
    worker_name: str | None = None
    worker_sid: str | None = None
    workspace_sid: str | None = None
    url: str | None = None
    links: Links | None = None
    etag: str | None = from_header()


# Twilio's API makes ``From`` of ``from_``, since ``from`` is a keyword of Python.
class ConferenceFields(TypedDict, total=False):
    """Fields of the instruction ``"conference"``, which connects caller and worker.

    ``to`` is the worker's phone number or client, by default the worker's attribute
    ``contact_uri``, and ``from_`` the caller id. ``timeout`` is how many seconds it may ring.
    ``beep`` is ``true``, ``false``, ``onEnter`` or ``onExit``; ``conference_record`` is
    ``record-from-start`` or ``do-not-record``, ``conference_trim`` is ``trim-silence`` or
    ``do-not-trim``, ``recording_channels`` is ``mono`` or ``dual``; ``wait_url`` may be ``""``,
    for no music (https://www.twilio.com/docs/taskrouter/api/reservations).
    """

    to: str
    from_: str
    timeout: Amount
    post_work_activity_sid: ActivitySid
    status_callback: Url
    status_callback_method: HttpMethod
    status_callback_event: Sequence[CallEvent]
    record: bool
    muted: bool
    beep: str
    beep_on_customer_entrance: bool
    start_conference_on_enter: bool
    end_conference_on_exit: bool
    end_conference_on_customer_exit: bool
    wait_url: UrlOrNone
    wait_method: HttpMethod
    early_media: bool
    max_participants: Annotated[int, Between(2, 250)]
    conference_status_callback: Url
    conference_status_callback_method: HttpMethod
    conference_status_callback_event: Sequence[ConferenceEvent]
    conference_record: str
    conference_trim: str
    conference_recording_status_callback: Url
    conference_recording_status_callback_method: HttpMethod
    recording_channels: str
    recording_status_callback: Url
    recording_status_callback_method: HttpMethod
    region: str
    sip_auth_username: str
    sip_auth_password: str
    jitter_buffer_size: str


class ReservationChanges(ConferenceFields, total=False):
    """Fields that a reservation is changed with: a status, or an instruction and its parameters.

    ``worker_activity_sid`` goes with the status ``"rejected"``. The ``dequeue_``, ``call_`` and
    ``redirect_`` fields belong to the instructions of those names, those of
    :class:`ConferenceFields` to ``"conference"``. Timeouts are in seconds
    (https://www.twilio.com/docs/taskrouter/api/reservations).
    """

    reservation_status: ReservationStatus
    worker_activity_sid: ActivitySid
    instruction: Instruction
    dequeue_post_work_activity_sid: ActivitySid
    dequeue_from: str
    dequeue_record: str
    dequeue_timeout: Amount
    dequeue_to: str
    dequeue_status_callback_url: Url
    dequeue_status_callback_event: Sequence[str]
    call_from: str
    call_record: str
    call_timeout: Amount
    call_to: str
    call_url: Url
    call_status_callback_url: Url
    call_accept: bool
    redirect_call_sid: CallSid
    redirect_accept: bool
    redirect_url: Url


class TaskReservationChanges(ReservationChanges, total=False):
    """Fields that a task's reservation is changed with: ``"supervise"`` besides."""

    supervisor_mode: Literal["monitor", "whisper", "barge"]
    supervisor: str


C = TypeVar("C", bound=ReservationChanges)


class ReservationFilter(Paging, total=False):
    """Filters of the list of a worker's reservations."""

    reservation_status: ReservationStatus


class TaskReservationFilter(ReservationFilter, total=False):
    """Filters of the list of a task's reservations."""

    worker_sid: WorkerSid


class _Reservations(Versioned[Reservation], Generic[C]):
    """The reservations of one task or one worker."""

    changes: ClassVar[type]
    name = "Reservations"
    key = "reservations"
    resource = Reservation
    sid: ClassVar[SidCheck] = RESERVATION

    async def fetch(self, sid: str) -> Reservation:
        """Return one reservation."""
        return await self._fetch(sid)

    async def modify(self, sid: str, change: Callable[[Reservation], C | None]) -> Reservation:
        """Change a reservation by its present state, as :meth:`Tasks.modify` changes a task."""
        return await self._modify(sid, self.changes, change)

    async def accept(self, sid: str) -> Reservation:
        """Accept a pending reservation; one that is accepted already is returned."""
        return await self._move(sid, "accepted", {}, ("accepted", "wrapping", "completed"))

    async def reject(self, sid: str, *, worker_activity_sid: str | None = None) -> Reservation:
        """Reject a pending reservation; one that is rejected already is returned.

        *worker_activity_sid* is the worker's new activity. Unless it is one that is not available,
        the same worker may be offered the same task again.
        """
        activity: ReservationChanges = {}
        if worker_activity_sid is not None:
            activity["worker_activity_sid"] = worker_activity_sid
        return await self._move(sid, "rejected", activity, ("rejected",))

    async def _move(
        self, sid: str, status: ReservationStatus, more: ReservationChanges, there: Sequence[str]
    ) -> Reservation:
        changes: ReservationChanges = {"reservation_status": status, **more}
        return await self._reach(
            sid, ReservationChanges, changes, lambda found: found.reservation_status in there
        )

    def _verb(self, changes: Fields) -> Verb:
        return UPDATE if changes.get("instruction") in _REPEATABLE else CREATE


class TaskReservations(_Reservations[TaskReservationChanges]):
    """The reservations of one task."""

    changes = TaskReservationChanges

    async def update(
        self, sid: str, *, if_match: str | None = None, **changes: Unpack[TaskReservationChanges]
    ) -> Reservation:
        """Change a reservation; given *if_match*, only if its ETag is still that.

        An instruction that places or moves a call is never sent again once it may have arrived: an
        error whose ``maybe_applied`` is True leaves open whether it was carried out.
        """
        return await self._update(sid, self.changes, changes, if_match)

    def list(self, **filters: Unpack[TaskReservationFilter]) -> Listing[Reservation]:
        """Return the reservations of the task that match, fetched as they are iterated."""
        return self._list(TaskReservationFilter, filters)


class WorkerReservations(_Reservations[ReservationChanges]):
    """The reservations of one worker."""

    changes = ReservationChanges

    async def update(
        self, sid: str, *, if_match: str | None = None, **changes: Unpack[ReservationChanges]
    ) -> Reservation:
        """Change a reservation; given *if_match*, only if its ETag is still that.

        An instruction that places or moves a call is never sent again once it may have arrived: an
        error whose ``maybe_applied`` is True leaves open whether it was carried out.
        """
        return await self._update(sid, self.changes, changes, if_match)

    def list(self, **filters: Unpack[ReservationFilter]) -> Listing[Reservation]:
        """Return the reservations of the worker that match, fetched as they are iterated."""
        return self._list(ReservationFilter, filters)
