"""Reservation updates and instructions: validation and execution.

The sandbox places no calls: an instruction's call parameters are checked and dropped.
"""

from collections.abc import Mapping
from typing import NamedTuple

from aiotask.sandbox._json import loads
from aiotask.sandbox.api.references import referred
from aiotask.sandbox.model.account import is_sid
from aiotask.sandbox.model.activity import Activity, ActivityStore
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.reservation import RESERVATION_STATUSES, Reservation, ReservationStore
from aiotask.sandbox.model.task import Task
from aiotask.sandbox.model.transitions import Transitions
from aiotask.sandbox.wire.parameters import Parameters

INSTRUCTIONS = ("accept", "reject", "dequeue", "call", "redirect", "conference", "supervise")

_VERBS = ("GET", "POST")
_CALL_EVENTS = ("initiated", "ringing", "answered", "completed")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "StatusCallbackMethod": _VERBS,
    "WaitMethod": _VERBS,
    "ConferenceStatusCallbackMethod": _VERBS,
    "RecordingStatusCallbackMethod": _VERBS,
    "ConferenceRecordingStatusCallbackMethod": _VERBS,
    "Beep": ("true", "false", "onEnter", "onExit"),
    "ConferenceRecord": ("true", "false", "record-from-start", "do-not-record"),
    "ConferenceTrim": ("trim-silence", "do-not-trim"),
    "RecordingChannels": ("mono", "dual"),
    "JitterBufferSize": ("small", "medium", "large", "off"),
    "SupervisorMode": ("monitor", "whisper", "barge"),
}
_LISTS: Mapping[str, tuple[str, ...]] = {
    "StatusCallbackEvent": _CALL_EVENTS,
    "DequeueStatusCallbackEvent": _CALL_EVENTS,
    "ConferenceStatusCallbackEvent": ("start", "end", "join", "leave", "mute", "hold", "speaker"),
}
# 999 seconds are the documented limit of a dequeue, on Twilio's page on assignment callbacks.
_BOUNDS: Mapping[str, tuple[int, int]] = {
    "Timeout": (0, 999),
    "CallTimeout": (0, 999),
    "DequeueTimeout": (0, 999),
    "MaxParticipants": (2, 250),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "call": ("CallFrom", "CallUrl"),
    "redirect": ("RedirectCallSid", "RedirectUrl"),
}
# Attributes of a task, one of which names the call that the instruction moves: <Enqueue> sets
# call_sid, and an outbound call has outbound_to. Twilio's pages on the errors 40140 and 40142.
_CALLS: Mapping[str, tuple[str, ...]] = {
    "dequeue": ("call_sid",),
    "conference": ("call_sid", "outbound_to"),
}
# A call and a redirect accept the reservation only with this parameter.
_ACCEPTING: Mapping[str, str] = {"call": "CallAccept", "redirect": "RedirectAccept"}


class _Move(NamedTuple):
    origins: frozenset[str]
    wanted: str


# The documented updates; only the service sets the other statuses.
_MOVES: Mapping[str, _Move] = {
    "accepted": _Move(frozenset(["pending"]), "a Pending"),
    "rejected": _Move(frozenset(["pending"]), "a Pending"),
    "wrapping": _Move(frozenset(["accepted"]), "an Accepted"),
    "completed": _Move(frozenset(["accepted", "wrapping"]), "an Accepted or Wrapping"),
}


class Request(NamedTuple):
    """A reservation update: the *status*, if any, to which an *instruction* leads."""

    instruction: str
    status: str | None
    worker_activity: Activity | None
    post_work_activity: Activity | None

    @classmethod
    def read(cls, parameters: Parameters, activities: ActivityStore) -> "Request":
        """Read an update; with an Instruction, ReservationStatus is ignored."""
        for name, choices in _CHOICES.items():
            parameters.chosen(name, choices)
        for name, allowed in _LISTS.items():
            if not set(parameters.several(name)) <= set(allowed):
                raise invalid(f"Invalid {name}: each must be one of {', '.join(allowed)}", name)
        for name, (lowest, highest) in _BOUNDS.items():
            parameters.integer(name, lowest, highest)
        call_sid = parameters.text("RedirectCallSid")
        if call_sid and not is_sid(call_sid, "CA"):
            raise invalid(
                f"Invalid RedirectCallSid {call_sid!r}: not the sid of a call", "RedirectCallSid"
            )
        worker_activity = referred(activities, parameters, "WorkerActivitySid")
        post_work = referred(activities, parameters, "PostWorkActivitySid")
        post_work = referred(activities, parameters, "DequeuePostWorkActivitySid") or post_work
        status = parameters.chosen("ReservationStatus", RESERVATION_STATUSES)
        instruction = parameters.chosen("Instruction", INSTRUCTIONS)
        if instruction is None:
            return cls("", status, worker_activity, None)
        for name in _NEEDED.get(instruction, ()):
            parameters.required(name)
        return cls(instruction, _outcome(instruction, parameters), worker_activity, post_work)

    def carry_out(
        self, reservation: Reservation, store: ReservationStore, transitions: Transitions
    ) -> None:
        """Update a reservation, or refuse if its status does not allow it."""
        _check(reservation, self)
        if self.post_work_activity is not None:
            store.change(reservation, {"post_work_activity": self.post_work_activity})
        match self.status:
            case "accepted":
                transitions.accept(reservation)
            case "rejected":
                transitions.reject(reservation, self.worker_activity)
            case "wrapping":
                transitions.wrap_up(reservation)
            case "completed":
                transitions.complete(reservation)
            case _:
                store.change(reservation, {})


def _outcome(instruction: str, parameters: Parameters) -> str | None:
    match instruction:
        case "reject":
            return "rejected"
        case "supervise":
            return None
        case "call" | "redirect":
            return "accepted" if parameters.boolean(_ACCEPTING[instruction]) else None
    return "accepted"


def _check(reservation: Reservation, request: Request) -> None:
    """Refuse an update that the reservation's status does not allow."""
    named = f"Reservation {reservation.sid} is not currently in"
    if request.instruction:
        wanted = "accepted" if request.instruction == "supervise" else "pending"
        if reservation.status != wanted:
            verb = request.instruction.capitalize()
            article = "an Accepted" if wanted == "accepted" else "a Pending"
            raise invalid(f"Unable to execute {verb} instruction. {named} {article} state.")
        _check_call(reservation.task, request.instruction)
    elif request.status is not None:
        move = _MOVES.get(request.status)
        if move is None:
            raise invalid(f"Reservation {reservation.sid} cannot be set to {request.status}")
        if reservation.status not in move.origins:
            raise invalid(f"Unable to set to {request.status}. {named} {move.wanted} state.")


def _check_call(task: Task, instruction: str) -> None:
    """Refuse an instruction that moves the call of a task without one."""
    names = _CALLS.get(instruction)
    if names is None:
        return
    attributes: Mapping[str, object] = loads(task.attributes)
    if not any(attributes.get(name) for name in names):
        raise invalid(
            f"Unable to execute {instruction.capitalize()} instruction. Task {task.sid} was not "
            f"created by Enqueue: its attributes lack {' and '.join(names)}.",
            names[0],
        )
