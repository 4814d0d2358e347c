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
    """A reservation as the service last reported it."""

    sid: str
    """SID of the reservation: ``WR`` and 32 hexadecimal digits."""
    account_sid: str | None = None
    """SID of the account that it belongs to."""
    date_created: AwareDatetime | None = None
    """When it was created."""
    date_updated: AwareDatetime | None = None
    """When it was last changed."""
    reservation_status: str | None = None
    """pending, accepted, rejected, timeout, canceled, rescinded, wrapping or completed."""
    task_sid: str | None = None
    """SID of the task that is offered."""
    worker_name: str | None = None
    """Name of the worker who is offered it."""
    worker_sid: str | None = None
    """SID of the worker who is offered it."""
    workspace_sid: str | None = None
    """SID of its workspace."""
    url: str | None = None
    """Absolute URL of it in the API."""
    links: Links | None = None
    """Absolute URLs of what belongs to it, by name: task, worker, workspace."""
    etag: str | None = from_header()
    """Version of the reservation, for ``if_match``; None in lists, and where none is given."""


# Twilio's API makes ``From`` of ``from_``, since ``from`` is a keyword of Python.
class ConferenceFields(TypedDict, total=False):
    """Fields of the instruction ``"conference"``, which connects caller and worker.

    Facts are those of https://www.twilio.com/docs/taskrouter/api/reservations.
    """

    to: str
    """Whom to call: a phone number, a client or a SIP URI; the worker's attribute
    ``contact_uri`` by default.
    """
    from_: str
    """Caller id of the call to the worker."""
    timeout: Amount
    """Seconds that the worker's phone may ring."""
    post_work_activity_sid: ActivitySid
    """SID of the activity that the worker moves to after the call."""
    status_callback: Url
    """URL that is told how the worker's call goes."""
    status_callback_method: HttpMethod
    """HTTP method for ``status_callback``; POST by default."""
    status_callback_event: Sequence[CallEvent]
    """Events of the call that ``status_callback`` is told."""
    record: bool
    """Whether the worker's part is recorded, also between conferences; false by default."""
    muted: bool
    """Whether the worker joins muted; false by default."""
    beep: str
    """Whether a sound is heard when the worker comes or goes: true, the default, false, onEnter
    or onExit.
    """
    beep_on_customer_entrance: bool
    """Whether a sound is heard when the customer comes."""
    start_conference_on_enter: bool
    """Whether the conference begins when the worker joins; true by default."""
    end_conference_on_exit: bool
    """Whether the conference ends when the worker leaves."""
    end_conference_on_customer_exit: bool
    """Whether the conference ends when the customer leaves."""
    wait_url: UrlOrNone
    """URL of what is heard before the conference begins; empty for silence, and music by
    default.
    """
    wait_method: HttpMethod
    """HTTP method for ``wait_url``: POST by default, GET for a fixed audio file."""
    early_media: bool
    """Whether the worker hears the other phone ring, and why a call fails; true by default."""
    max_participants: Annotated[int, Between(2, 250)]
    """Largest number of participants, 2 to 250; 250 by default."""
    conference_status_callback: Url
    """URL that is told what happens in the conference; the first participant's counts."""
    conference_status_callback_method: HttpMethod
    """HTTP method for ``conference_status_callback``; POST by default."""
    conference_status_callback_event: Sequence[ConferenceEvent]
    """Events of the conference that ``conference_status_callback`` is told."""
    conference_record: str
    """Whether the conference is recorded: record-from-start, do-not-record, true or false;
    false by default.
    """
    conference_trim: str
    """Silence at both ends of a recording: trim-silence, the default, or do-not-trim."""
    conference_recording_status_callback: Url
    """URL that is told when the recording of the conference is there."""
    conference_recording_status_callback_method: HttpMethod
    """HTTP method for ``conference_recording_status_callback``; POST by default."""
    recording_channels: str
    """Channels of the recording: mono, the default, or dual."""
    recording_status_callback: Url
    """URL that is told how the recording goes."""
    recording_status_callback_method: HttpMethod
    """HTTP method for ``recording_status_callback``; POST by default."""
    region: str
    """Region where the sound is mixed: us1, us2, ie1, de1, sg1, br1, au1 or jp1."""
    sip_auth_username: str
    """User name for the SIP phone."""
    sip_auth_password: str
    """Password for the SIP phone."""
    jitter_buffer_size: str
    """Buffer against jitter: small, medium, large or off."""


class ReservationChanges(ConferenceFields, total=False):
    """Fields that a reservation is changed with: a status, or an instruction and its parameters.

    The ``dequeue_``, ``call_`` and ``redirect_`` fields belong to the instructions of those names,
    those of :class:`ConferenceFields` to ``"conference"``.
    """

    reservation_status: ReservationStatus
    """New status: accepted, rejected, wrapping or completed."""
    worker_activity_sid: ActivitySid
    """SID of the worker's new activity, with the status rejected; the one before by default."""
    instruction: Instruction
    """What to do with the task; the other fields are its parameters."""
    dequeue_post_work_activity_sid: ActivitySid
    """SID of the activity that the worker moves to after dequeue."""
    dequeue_from: str
    """Caller id of the call to the worker by dequeue."""
    dequeue_record: str
    """Whether dequeue records the call, and which side of it."""
    dequeue_timeout: Amount
    """Seconds that the worker's phone may ring by dequeue."""
    dequeue_to: str
    """Whom dequeue calls: a phone number, a client or a SIP URI."""
    dequeue_status_callback_url: Url
    """URL that is told how the worker's call by dequeue goes."""
    dequeue_status_callback_event: Sequence[str]
    """Events of that call that ``dequeue_status_callback_url`` is told."""
    call_from: str
    """Caller id of the call to the worker by call."""
    call_record: str
    """Whether call records it, and which side of it."""
    call_timeout: Amount
    """Seconds that the worker's phone may ring by call."""
    call_to: str
    """Whom call calls: a phone number, a client or a SIP URI."""
    call_url: Url
    """URL of the TwiML that the worker hears when they answer."""
    call_status_callback_url: Url
    """URL that is told when the worker's call by call has ended."""
    call_accept: bool
    """Whether call accepts the reservation, too."""
    redirect_call_sid: CallSid
    """SID of the waiting call that redirect moves."""
    redirect_accept: bool
    """Whether redirect accepts the reservation, too."""
    redirect_url: Url
    """URL of the TwiML that redirect moves the call to."""


class TaskReservationChanges(ReservationChanges, total=False):
    """Fields that a task's reservation is changed with: ``"supervise"`` besides."""

    supervisor_mode: Literal["monitor", "whisper", "barge"]
    """How supervise joins: monitor hears, whisper talks to the worker, barge to everybody."""
    supervisor: str
    """SID or URI of the supervisor."""


C = TypeVar("C", bound=ReservationChanges)


class ReservationFilter(Paging, total=False):
    """Filters of the list of a worker's reservations."""

    reservation_status: ReservationStatus
    """Only reservations in this status."""


class TaskReservationFilter(ReservationFilter, total=False):
    """Filters of the list of a task's reservations."""

    worker_sid: WorkerSid
    """Only reservations of the worker with this SID."""


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
