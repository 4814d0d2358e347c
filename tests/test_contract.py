"""What the classes declare is what Twilio's OpenAPI description says, in both directions.

The tables are written by hand from the description; reflection compares them with the code. A
parameter or field that is missing, surplus or of another type fails.
"""

import inspect
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args, get_origin, get_type_hints

import attrs
import pytest

from aiotask._collection import Collection
from aiotask._decoding import JsonText, Links
from aiotask._encoding import field_types, wire_name
from aiotask.autopilot import AutopilotTasks
from aiotask.taskrouter import Tasks, Workflows, Workspaces

# A kind of parameter: s text, i integer, b boolean, d date-time, j JSON as text, * several;
# "!" where it is required.
PARAMETERS: dict[tuple[type[Collection[Any]], str], str] = {
    (Workspaces, "create"): """
        FriendlyName:s! EventCallbackUrl:s EventsFilter:s MultiTaskEnabled:b Template:s
        PrioritizeQueueOrder:s
    """,
    (Workspaces, "fetch"): "",
    (Workspaces, "update"): """
        DefaultActivitySid:s EventCallbackUrl:s EventsFilter:s FriendlyName:s MultiTaskEnabled:b
        TimeoutActivitySid:s PrioritizeQueueOrder:s
    """,
    (Workspaces, "delete"): "",
    (Workspaces, "list"): "FriendlyName:s",
    (Workflows, "create"): """
        FriendlyName:s! Configuration:j! AssignmentCallbackUrl:s FallbackAssignmentCallbackUrl:s
        TaskReservationTimeout:i
    """,
    (Workflows, "fetch"): "",
    (Workflows, "update"): """
        FriendlyName:s AssignmentCallbackUrl:s FallbackAssignmentCallbackUrl:s Configuration:j
        TaskReservationTimeout:i ReEvaluateTasks:b
    """,
    (Workflows, "delete"): "",
    (Workflows, "list"): "FriendlyName:s",
    (Tasks, "create"): """
        Timeout:i Priority:i TaskChannel:s WorkflowSid:s Attributes:j VirtualStartTime:d
        RoutingTarget:s IgnoreCapacity:b TaskQueueSid:s
    """,
    (Tasks, "fetch"): "",
    (Tasks, "update"): """
        If-Match Attributes:j AssignmentStatus:s Reason:s Priority:i TaskChannel:s
        VirtualStartTime:d
    """,
    (Tasks, "delete"): "If-Match",
    (Tasks, "list"): """
        Priority:i AssignmentStatus:*s WorkflowSid:s WorkflowName:s TaskQueueSid:s TaskQueueName:s
        EvaluateTaskAttributes:s RoutingTarget:s Ordering:s HasAddons:b
    """,
    (AutopilotTasks, "create"): "FriendlyName:s UniqueName:s! Actions:j ActionsUrl:s",
    (AutopilotTasks, "fetch"): "",
    (AutopilotTasks, "update"): "FriendlyName:s UniqueName:s Actions:j ActionsUrl:s",
    (AutopilotTasks, "delete"): "",
    (AutopilotTasks, "list"): "",
}

# A kind of field, as above; l is an object of links, h the ETag header.
FIELDS: dict[type[Collection[Any]], str] = {
    Workspaces: """
        account_sid:s date_created:d date_updated:d default_activity_name:s default_activity_sid:s
        event_callback_url:s events_filter:s friendly_name:s multi_task_enabled:b sid:s!
        timeout_activity_name:s timeout_activity_sid:s prioritize_queue_order:s url:s links:l
    """,
    Workflows: """
        account_sid:s assignment_callback_url:s configuration:j date_created:d date_updated:d
        document_content_type:s fallback_assignment_callback_url:s friendly_name:s sid:s!
        task_reservation_timeout:i workspace_sid:s url:s links:l
    """,
    Tasks: """
        account_sid:s age:i assignment_status:s attributes:j addons:j date_created:d date_updated:d
        task_queue_entered_date:d priority:i reason:s sid:s! task_queue_sid:s
        task_queue_friendly_name:s task_channel_sid:s task_channel_unique_name:s timeout:i
        workflow_sid:s workflow_friendly_name:s workspace_sid:s url:s links:l virtual_start_time:d
        ignore_capacity:b routing_target:s etag:h
    """,
    AutopilotTasks: """
        account_sid:s date_created:d date_updated:d friendly_name:s links:l assistant_sid:s sid:s!
        unique_name:s actions_url:s url:s
    """,
}

PATHS = {
    Workspaces: "/v1/Workspaces",
    Workflows: "/v1/Workspaces/{WorkspaceSid}/Workflows",
    Tasks: "/v1/Workspaces/{WorkspaceSid}/Tasks",
    AutopilotTasks: "/v1/Assistants/{AssistantSid}/Tasks",
}

VERBS = ("create", "fetch", "update", "delete", "list")
LETTERS: list[tuple[Any, str]] = [
    (str, "s"), (int, "i"), (bool, "b"), (datetime, "d"), (Mapping, "j"), (JsonText, "j"),
    (Links, "l"),
]  # fmt: skip


def letter(kind: Any) -> str:
    kinds = [each for each in get_args(kind) if each is not type(None)]
    plain = kinds[0] if len(kinds) == 1 and len(get_args(kind)) == 2 else kind
    return next(one for known, one in LETTERS if known in (kind, plain, get_origin(plain)))


def declared(collection: type[Collection[Any]], verb: str) -> set[str]:
    method = getattr(collection, verb)
    parameters = inspect.signature(method).parameters
    found = {"If-Match"} if "if_match" in parameters else set()
    shape = next(
        (
            get_args(get_type_hints(method)[name])[0]
            for name, parameter in parameters.items()
            if parameter.kind is parameter.VAR_KEYWORD
        ),
        None,
    )
    if shape is None:
        return found
    hints = get_type_hints(shape, include_extras=True)
    for name, kind in field_types(shape).items():
        several = "*" if "Sequence" in str(hints[name]) else ""
        needed = "!" if name in shape.__required_keys__ else ""
        found.add(f"{wire_name(name)}:{several}{letter(kind)}{needed}")
    return found


@pytest.mark.parametrize(("collection", "verb"), PARAMETERS)
def test_an_operation_takes_the_documented_parameters(
    collection: type[Collection[Any]], verb: str
) -> None:
    assert declared(collection, verb) == set(PARAMETERS[collection, verb].split())


@pytest.mark.parametrize("collection", FIELDS)
def test_a_collection_has_the_documented_verbs_and_no_others(
    collection: type[Collection[Any]],
) -> None:
    assert {verb for verb in VERBS if hasattr(collection, verb)} == {
        verb for known, verb in PARAMETERS if known is collection
    }


@pytest.mark.parametrize("collection", FIELDS)
def test_a_resource_has_the_documented_fields(collection: type[Collection[Any]]) -> None:
    found = set()
    for field in attrs.fields(collection.resource):
        kind = "h" if field.metadata else letter(field.type)
        found.add(f"{field.name}:{kind}{'!' if field.default is attrs.NOTHING else ''}")
    assert found == set(FIELDS[collection].split())


@pytest.mark.parametrize("collection", PATHS)
def test_a_collection_lies_at_the_documented_path(collection: type[Collection[Any]]) -> None:
    assert PATHS[collection].endswith(f"/{collection.name}")
