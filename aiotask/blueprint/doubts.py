"""Doubts about a document: what can never work in it, once it is carried out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from aiotask.blueprint.document import BlueprintError, Rows
from aiotask.blueprint.kinds import CONFIGURATION, TASK_QUEUE, WORKFLOW, Kind
from aiotask.blueprint.meaning import configuration_meaning, tokens
from aiotask.blueprint.present import each_of
from aiotask.blueprint.references import QUEUE, references, with_sids
from aiotask.errors import BadRequestError
from aiotask.taskrouter import WorkspaceContext

Sids = Mapping[tuple[str, str], str]

_OF_WORKER = re.compile(r"worker\.(.+)")
_NEEDS_A_TASK = re.compile(r"tasks?\..+")


def doubts_of(wanted: Rows, after: Rows) -> Iterator[str]:
    """Yield sentences about queues without a workflow, and targets that are never reached.

    *wanted* are the rows to speak of, and *after* is all that will be there.
    """
    reached = {
        name
        for row in after.get(WORKFLOW.many, {}).values()
        for kind, name in references(row.get(CONFIGURATION))
        if kind is TASK_QUEUE
    }
    for row in wanted.get(TASK_QUEUE.many, {}).values():
        if row["friendly_name"] not in reached:
            yield f"task_queue {row['friendly_name']!r}: no workflow leads to it"
    for row in wanted.get(WORKFLOW.many, {}).values():
        for place, targets in _filters(row):
            endless = [
                number
                for number, target in enumerate(targets)
                if "timeout" not in target and "skip_if" not in target
            ]
            if endless and endless[0] < len(targets) - 1:
                yield (
                    f"workflow {row['friendly_name']!r}: {place}.targets[{endless[0]}] "
                    "never times out, so no target after it is reached"
                )


async def hopeless(
    workspace: WorkspaceContext,
    wanted: Rows,
    after: Rows,
    sids: Sids,
    *,
    has_workers: bool | None,
) -> list[str]:
    """Return sentences about expressions that match no worker that is there.

    The service itself says which workers an expression matches, so nothing is left to two readings
    of the language.
    """
    expressions = {
        place: sent
        for place, text in _expressions(wanted, after)
        if (sent := _sendable(text, sids)) is not None
    }
    if not expressions:
        return []
    if has_workers is None:
        has_workers = bool(await workspace.workers.list(limit=1).all())
    if not has_workers:
        return ["there are no workers"]
    texts = [*dict.fromkeys(expressions.values())]

    async def asked(text: str) -> str | None:
        if not text.strip():
            return "matches no worker, as it is empty"
        try:
            found = await workspace.workers.list(target_workers_expression=text, limit=1).all()
        except BadRequestError as error:
            return f"is not accepted: {error.message}"
        return None if found else "matches no worker that there is"

    told = dict(zip(texts, await each_of([partial(asked, text) for text in texts]), strict=True))
    return [f"{place} {told[text]}" for place, text in expressions.items() if told[text]]


def _filters(row: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    meaning = configuration_meaning(row.get(CONFIGURATION))
    for number, rule in enumerate(_listed(_part(meaning, "task_routing"), "filters")):
        targets = [each for each in _listed(rule, "targets") if isinstance(each, Mapping)]
        yield f"filters[{number}]", targets


def _part(whole: Any, name: str) -> Any:
    return whole.get(name) if isinstance(whole, Mapping) else None


def _listed(whole: Any, name: str) -> Sequence[Any]:
    part = _part(whole, name)
    return part if isinstance(part, list | tuple) else ()


def _expressions(wanted: Rows, after: Rows) -> Iterator[tuple[str, str]]:
    """Yield the expressions over workers alone, with their places."""
    queues = after.get(TASK_QUEUE.many, {})
    for name, row in wanted.get(TASK_QUEUE.many, {}).items():
        text = queues[name].get("target_workers")
        if isinstance(text, str):
            yield f"task_queue {row['friendly_name']!r}: target_workers", text
    for row in wanted.get(WORKFLOW.many, {}).values():
        for place, targets in _filters(row):
            for number, target in enumerate(targets):
                queue = queues.get(str(target.get(QUEUE)), {}).get("target_workers")
                own = _over_workers(target.get("expression"))
                if own and isinstance(queue, str) and queue.strip():
                    at = f"workflow {row['friendly_name']!r}: {place}.targets[{number}].expression"
                    yield at, f"({queue}) AND ({own})"


def _over_workers(expression: Any) -> str | None:
    """Return an expression of a target as one over workers; None if it needs a task."""
    if not isinstance(expression, str):
        return None
    read = tokens(expression)
    if any(_NEEDS_A_TASK.fullmatch(token) for token in read):
        return None
    return " ".join(
        _OF_WORKER.sub(r"\1", token) if token[0] not in "\"'" else token for token in read
    )


def _sendable(text: str, sids: Sids) -> str | None:
    """Return an expression with sids; None where it names what is not there yet."""

    def sid_of(kind: Kind, name: str) -> str:
        try:
            return sids[kind.many, kind.same(name)]
        except KeyError:
            raise BlueprintError(name) from None

    try:
        sent = with_sids(text, sid_of)
    except BlueprintError:
        return None
    return str(sent)
