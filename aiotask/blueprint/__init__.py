"""Blueprint of a workspace: its contents as a document of names, compared and applied.

::

    document = await export(workspace)
    for change in await plan(other, document):
        print(change)
    async for change in apply(other, document):
        print("done:", change)
"""

from aiotask.blueprint.applying import apply
from aiotask.blueprint.changes import Change, Plan
from aiotask.blueprint.document import BlueprintError
from aiotask.blueprint.exporting import export
from aiotask.blueprint.planning import plan
from aiotask.blueprint.two_documents import diff

__all__ = ["BlueprintError", "Change", "Plan", "apply", "diff", "export", "plan"]
