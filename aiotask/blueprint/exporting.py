"""Export of a workspace as a document of names."""

from typing import Any

from aiotask.blueprint.document import BlueprintError
from aiotask.blueprint.kinds import ACTIVITY, TASK_CHANNEL, TASK_QUEUE, WORKER, WORKFLOW
from aiotask.blueprint.present import Present, with_channels
from aiotask.taskrouter import WorkspaceContext

_ORDER = (ACTIVITY, TASK_CHANNEL, TASK_QUEUE, WORKFLOW)


async def export(workspace: WorkspaceContext, *, workers: bool = False) -> dict[str, Any]:
    """Return the contents of a workspace as a document of names, without sids.

    It has ``activities``, ``task_channels``, ``task_queues`` and ``workflows``, and with *workers*
    those, too, with their activities and capacities. Rows are in the order of their names. A name
    that is there twice is a :class:`BlueprintError`.
    """
    present = await Present.read(workspace, workers=workers)
    kinds = [*_ORDER, WORKER] if workers else [*_ORDER]
    twice = [
        f"the {kind.name} {held[0].name!r} is there twice: {', '.join(each.sid for each in held)}"
        for kind in kinds
        for held in present.named(kind).values()
        if len(held) > 1
    ]
    if twice:
        raise BlueprintError("; ".join(twice))
    if mistakable := present.written_like_references():
        raise BlueprintError(f"a text in braces would be read as a name: {', '.join(mistakable)}")
    document = {kind.many: [each.row for each in present.of(kind)] for kind in kinds}
    if workers:
        held = present.of(WORKER)
        channels = await with_channels(workspace, held)
        document[WORKER.many] = [each.row | channels[each.sid] for each in held]
    return document
