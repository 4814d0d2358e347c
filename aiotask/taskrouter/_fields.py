"""Kinds of value that the fields of several collections share, with the bounds documented for them.

The bounds are those of Twilio's OpenAPI description and of
https://www.twilio.com/docs/taskrouter/limits.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from aiotask._checks import Between, JsonLimit, Length, Past, Sid

ACTIVITY = Sid("WA")
TASK = Sid("WT")
TASK_QUEUE = Sid("WQ")
WORKFLOW = Sid("WW")
WORKSPACE = Sid("WS")

ActivitySid = Annotated[str, ACTIVITY]
TaskQueueSid = Annotated[str, TASK_QUEUE]
WorkflowSid = Annotated[str, WORKFLOW]
RoutingTargetSid = Annotated[str, Sid("WK", "WQ", "WW")]

ShortName = Annotated[str, Length(1, 64)]
Attributes = Annotated[Mapping[str, Any], JsonLimit(4096)]
Priority = Annotated[int, Between(0, 2**31 - 1)]
PastMoment = Annotated[datetime, Past()]

QueueOrder = Literal["FIFO", "LIFO"]
