"""Assignment instructions, executed as updates of the reservation.

Undocumented by Twilio; the sandbox: empty JSON and invalid instructions leave the reservation
pending, without a request to the fallback URL.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from aiotask.sandbox._json import JsonSyntaxError, dumps, loads
from aiotask.sandbox.api.reservation_instructions import INSTRUCTIONS, Request
from aiotask.sandbox.model.debugger import DebuggerEntry
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.model.reservation import Reservation
from aiotask.sandbox.model.transitions import Transitions
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.parameters import Parameters

NO_JSON_TYPE = 40000
_NOT_JSON = 40001
_NO_INSTRUCTION = 40005
_INVALID = 55555

# Messages quote the answer, which may be long.
_LONGEST = 500
_COMPOUND = "{}"

# An update has the parameters of all instructions side by side, told apart by a prefix.
_PREFIXES: Mapping[str, str] = {
    "reject": "Worker",
    "dequeue": "Dequeue",
    "call": "Call",
    "redirect": "Redirect",
}
_RENAMED: Mapping[str, str] = {"status_callback_events": "StatusCallbackEvent"}
_WRONG: Mapping[tuple[str, str], int] = {
    ("reject", "WorkerActivitySid"): 40100,
    ("call", "CallFrom"): 40111,
    ("call", "CallUrl"): 40112,
    ("redirect", "RedirectUrl"): 40120,
    ("redirect", "RedirectCallSid"): 40121,
    ("dequeue", "DequeuePostWorkActivitySid"): 40130,
    ("dequeue", "DequeueStatusCallbackEvent"): 40134,
    ("conference", "PostWorkActivitySid"): 40139,
    ("dequeue", "call_sid"): 40140,
    ("conference", "call_sid"): 40142,
}
_NOT_PENDING: Mapping[str, int] = {
    "call": 40114,
    "redirect": 40123,
    "dequeue": 40135,
    "conference": 40136,
    "supervise": 40146,
}


class _InstructionError(Exception):
    """An answer is invalid."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def follow(
    body: bytes, reservation: Reservation, stores: Stores, transitions: Transitions
) -> DebuggerEntry | None:
    """Execute the instruction of an answer; return a debugger entry if it is invalid."""
    try:
        content = _content(body)
        if content:
            _carry_out(content, reservation, stores, transitions)
    except _InstructionError as mistake:
        return DebuggerEntry(mistake.code, str(mistake)[:_LONGEST], reservation.sid)
    return None


def _content(body: bytes) -> Mapping[str, Any]:
    """Return the decoded answer; it is empty or has an instruction."""
    try:
        content = loads(body) if body else None
    except JsonSyntaxError as error:
        raise _InstructionError(_NOT_JSON, f"The answer is not JSON: {error}") from error
    if not content:
        return {}
    if not isinstance(content, dict) or content.get("instruction") is None:
        raise _InstructionError(_NO_INSTRUCTION, "The answer has no instruction")
    return content


def _carry_out(
    content: Mapping[str, Any], reservation: Reservation, stores: Stores, transitions: Transitions
) -> None:
    instruction = content["instruction"]
    if instruction not in INSTRUCTIONS:
        # A value that is no text may be nested too deeply for repr.
        named = repr(instruction) if isinstance(instruction, str) else "that is no text"
        raise _InstructionError(_INVALID, f"There is no instruction {named}")
    parameters = Parameters([("Instruction", instruction), *_update(instruction, content)])
    try:
        if instruction == "reject":
            parameters.required("WorkerActivitySid")
        request = Request.read(parameters, stores.activities)
        # The task may have been deleted, with its reservations, before the answer came.
        if stores.reservations.get(reservation.sid) is None:
            raise _InstructionError(_code(instruction), f"Reservation {reservation.sid} is gone")
        request.carry_out(reservation, stores.reservations, transitions)
    except Refusal as refusal:
        raise _InstructionError(_code(instruction, refusal.parameter), refusal.message) from refusal


def _code(instruction: str, parameter: str = "") -> int:
    if parameter:
        return _WRONG.get((instruction, parameter), _INVALID)
    return _NOT_PENDING.get(instruction, _INVALID)


def _update(instruction: str, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield an instruction's fields under the parameter names of an update."""
    prefix = _PREFIXES.get(instruction, "")
    for field, value in content.items():
        if field == "instruction" or value is None:
            continue
        name = _RENAMED.get(field) or "".join(part.capitalize() for part in field.split("_"))
        for item in value if isinstance(value, list) else [value]:
            yield prefix + name, _text(item)


def _text(value: Any) -> str:
    """Return a value as form text; objects and nested lists become an invalid text."""
    if isinstance(value, str):
        return value
    return _COMPOUND if isinstance(value, dict | list) else dumps(value).decode()
