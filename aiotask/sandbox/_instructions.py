"""What an update of a reservation asks for, checked as far as Twilio documents it.

No telephone rings in the sandbox: what an instruction says about calls is checked and forgotten.
"""

from collections.abc import Mapping
from typing import NamedTuple

from aiotask.sandbox._account import is_sid
from aiotask.sandbox._activity import Activity, ActivityStore
from aiotask.sandbox._answers import invalid
from aiotask.sandbox._parameters import Parameters
from aiotask.sandbox._reservation import RESERVATION_STATUSES

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
# Twilio's page on assignment callbacks has at most 999 seconds for a dequeue.
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
# A call and a redirect accept the reservation only if they are told to.
_ACCEPTING: Mapping[str, str] = {"call": "CallAccept", "redirect": "RedirectAccept"}


class Request(NamedTuple):
    """What is to become of a reservation: the *status*, if any, that *instruction* leads to."""

    instruction: str
    status: str | None
    worker_activity: Activity | None
    post_work_activity: Activity | None

    @classmethod
    def read(cls, parameters: Parameters, activities: ActivityStore) -> "Request":
        """Read an update; an Instruction makes its ReservationStatus not matter."""
        for name, choices in _CHOICES.items():
            parameters.chosen(name, choices)
        for name, allowed in _LISTS.items():
            if not set(parameters.several(name)) <= set(allowed):
                raise invalid(f"Invalid {name}: each must be one of {', '.join(allowed)}")
        for name, (lowest, highest) in _BOUNDS.items():
            parameters.integer(name, lowest, highest)
        call_sid = parameters.text("RedirectCallSid")
        if call_sid and not is_sid(call_sid, "CA"):
            raise invalid(f"Invalid RedirectCallSid {call_sid!r}: not the sid of a call")
        worker_activity = activities.asked(parameters, "WorkerActivitySid")
        post_work = activities.asked(parameters, "PostWorkActivitySid")
        post_work = activities.asked(parameters, "DequeuePostWorkActivitySid") or post_work
        status = parameters.chosen("ReservationStatus", RESERVATION_STATUSES)
        instruction = parameters.chosen("Instruction", INSTRUCTIONS)
        if instruction is None:
            return cls("", status, worker_activity, None)
        for name in _NEEDED.get(instruction, ()):
            parameters.required(name)
        return cls(instruction, _outcome(instruction, parameters), worker_activity, post_work)


def _outcome(instruction: str, parameters: Parameters) -> str | None:
    match instruction:
        case "reject":
            return "rejected"
        case "supervise":
            return None
        case "call" | "redirect":
            return "accepted" if parameters.boolean(_ACCEPTING[instruction]) else None
    return "accepted"
