"""Resources as answers of web frameworks, under a real server."""

from typing import Any

import aiohttp
import fastapi
import litestar
import pytest

from aiotask import to_dict
from aiotask.taskrouter import Task, WorkspaceContext
from tests.webhooks.frameworks import under_uvicorn

ATTRIBUTES = {"type": "support", "languages": ["es"]}


def in_fastapi(workspace: WorkspaceContext) -> Any:
    app = fastapi.FastAPI()

    @app.get("/tasks/{sid}")
    async def show(sid: str) -> dict[str, Any]:
        return to_dict(await workspace.tasks.fetch(sid), decoded=True)

    return app


def in_litestar(workspace: WorkspaceContext) -> Any:
    @litestar.get("/tasks/{sid:str}")
    async def show(request: litestar.Request[Any, Any, Any]) -> Task:
        return await workspace.tasks.fetch(request.path_params["sid"])

    return litestar.Litestar([show], logging_config=None)


@pytest.mark.parametrize("build", [in_fastapi, in_litestar])
async def test_a_handler_returns_a_task(workspace: WorkspaceContext, build: Any) -> None:
    task = await workspace.tasks.create(attributes=ATTRIBUTES, priority=5)
    async with (
        under_uvicorn(build(workspace)) as url,
        aiohttp.ClientSession() as http,
        http.get(f"{url}/tasks/{task.sid}") as answer,
    ):
        assert answer.status == 200
        shown = await answer.json()
    assert (shown["sid"], shown["attributes"]) == (task.sid, ATTRIBUTES)
    assert shown["date_created"] == to_dict(task)["date_created"]
