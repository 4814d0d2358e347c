"""Field types that several collections share, with their documented bounds.

The bounds are those of Twilio's OpenAPI description and of
https://www.twilio.com/docs/taskrouter/limits.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from aiotask._checks import Between, Form, Identifier, JsonLimit, Length, Past, Sid

ACTIVITY = Sid("WA")
EVENT = Sid("EV")
RESERVATION = Sid("WR")
TASK = Sid("WT")
TASK_CHANNEL = Identifier("TC")
TASK_QUEUE = Sid("WQ")
WORKER = Sid("WK")
WORKER_CHANNEL = Identifier("WC")
WORKFLOW = Sid("WW")
WORKSPACE = Sid("WS")

ActivitySid = Annotated[str, ACTIVITY]
CallSid = Annotated[str, Sid("CA")]
ReservationSid = Annotated[str, RESERVATION]
TaskSid = Annotated[str, TASK]
TaskQueueSid = Annotated[str, TASK_QUEUE]
WorkerSid = Annotated[str, WORKER]
WorkflowSid = Annotated[str, WORKFLOW]
RoutingTargetSid = Annotated[str, Sid("WK", "WQ", "WW")]
TaskChannelName = Annotated[str, TASK_CHANNEL]

_HTTP = r"(?i:https?)://[^\s/?#]\S*"
Url = Annotated[str, Form(_HTTP, "an absolute http or https URL")]
# An empty text removes the URL.
UrlOrNone = Annotated[str, Form(f"({_HTTP})?", "an absolute http or https URL, or empty")]
ShortName = Annotated[str, Length(1, 64)]
Attributes = Annotated[Mapping[str, Any], JsonLimit(4096)]
Amount = Annotated[int, Between(0, 2**31 - 1)]
PastMoment = Annotated[datetime, Past()]
# Statistics go back thirty days, which are 43,200 minutes.
Minutes = Annotated[int, Between(1, 43_200)]

QueueOrder = Literal["FIFO", "LIFO"]
