"""Requests for statistics."""

from typing import Any

from tests.sandbox.sandbox_api import Api, Reply, Value

NONE_WAITED = {"avg": 0, "min": 0, "max": 0, "total": 0}
NOTHING_NOW = {
    "longest_task_waiting_age": 0,
    "longest_task_waiting_sid": None,
    "tasks_by_priority": {},
    "tasks_by_status": {"pending": 0, "reserved": 0, "assigned": 0, "wrapping": 0},
    "total_tasks": 0,
}


async def read(api: Api, path: str, **parameters: Value) -> Any:
    reply = await api("GET", path, parameters)
    assert reply.status == 200, reply.body
    return reply.json


async def only(api: Api, path: str) -> Any:
    (found,) = await api.listed(path)
    return found


async def activities(api: Api, **workers: int) -> list[dict[str, Any]]:
    return [
        {
            "friendly_name": item["friendly_name"],
            "workers": workers.get(item["friendly_name"], 0),
            "sid": item["sid"],
        }
        for item in await api.listed("/Activities")
    ]


async def ask_for_queues(api: Api, body: bytes) -> Reply:
    headers = {"Content-Type": "application/json"}
    url = api.url("/TaskQueues/RealTimeStatistics")
    async with api.session.post(url, data=body, headers=headers) as answer:
        return Reply(answer.status, answer.headers, await answer.read())
