"""Documents with the features of production ones, and helpers to compare workspaces."""

from collections.abc import Mapping
from typing import Any

from aiotask import Client, RetryPolicy
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.conftest import AT_ONCE

SUPPORT: dict[str, Any] = {
    "activities": [
        {"friendly_name": "Lunch {long}", "available": False},
        {"friendly_name": "Wrap-up", "available": True},
    ],
    "task_channels": [
        {"unique_name": "letters", "friendly_name": "Letters", "channel_optimized_routing": True}
    ],
    "task_queues": [
        {"friendly_name": "Everyone", "target_workers": "1==1", "task_order": "LIFO"},
        {
            "friendly_name": "Spanish",
            "target_workers": "languages HAS 'es' AND routing.levels.988ENsk >= 2",
            "max_reserved_workers": 5,
            "reservation_activity_sid": "Wrap-up",
            "assignment_activity_sid": "Unavailable",
        },
        {
            "friendly_name": "Not at lunch",
            "target_workers": 'activity_sid != "{activity:Lunch {{long}}}"',
        },
        {"friendly_name": "Parked", "target_workers": "1==2"},
    ],
    "workflows": [
        {
            "friendly_name": "Main",
            "assignment_callback_url": "https://example.com/assigned",
            "task_reservation_timeout": 30,
            "configuration": {
                "task_routing": {
                    "filters": [
                        {
                            "filter_friendly_name": "Known agent",
                            "expression": "agent != null AND 2nd_line.team.7up == 'x'",
                            "targets": [
                                {
                                    "queue": "Everyone",
                                    "known_worker_friendly_name": "task.agent",
                                    "skip_if": "workers.{activity:Lunch {{long}}} > 0",
                                    "timeout": "20",
                                    "priority": "10",
                                },
                                {
                                    "queue": "Everyone",
                                    "known_worker_sid": "task.agent_sid",
                                    "expression": "",
                                    "timeout": 5,
                                },
                                {"expression": "task.level<=worker.level", "priority": 1},
                            ],
                        },
                        {
                            "filter_friendly_name": "Spanish",
                            "expression": 'language=="es"',
                            "targets": [
                                {
                                    "queue": "Spanish",
                                    "timeout": 60,
                                    "order_by": "worker.routing.levels.988ENsk DESC, worker.x ASC",
                                },
                                {"queue": "Not at lunch", "skip_if": "workers.available == 0"},
                                {"queue": "Everyone"},
                            ],
                        },
                    ],
                },
                "beside": {"kept": [1, 2]},
            },
        },
        {
            "friendly_name": "Parking",
            "configuration": {
                "task_routing": {"filters": [], "default_filter": {"queue": "Parked"}}
            },
        },
    ],
    "workers": [
        {
            "friendly_name": "Ana",
            "activity_sid": "Available",
            "attributes": {"languages": ["es"], "routing": {"levels": {"988ENsk": 3}}},
            "channels": {"letters": 4, "voice": 0},
        },
        {"friendly_name": "Bob", "attributes": {"level": 2}, "activity_sid": "Wrap-up"},
    ],
}


def opened(sandbox: Sandbox, retry: RetryPolicy = AT_ONCE, **settings: Any) -> Client:
    return Client(
        sandbox.account_sid,
        sandbox.auth_token,
        base_url=sandbox.url,
        retry=retry,
        timeout=10,
        **settings,
    )


def empty(sandbox: Sandbox, client: Client) -> WorkspaceContext:
    return client.taskrouter.workspace(sandbox.create_workspace("Empty", template="NONE"))


def filled(
    sandbox: Sandbox, client: Client, contents: Mapping[str, Any] = SUPPORT
) -> WorkspaceContext:
    sandbox.fill({"Filled": contents})
    return client.taskrouter.workspace(sandbox.workspaces[-1])


def writes(sandbox: Sandbox) -> int:
    """Return how many requests there were that were no reads."""
    return sum(count for kind, count in sandbox.requests.items() if not kind.startswith("GET"))
