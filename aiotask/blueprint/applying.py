"""Application of a plan, which goes on where it was broken off."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from itertools import count
from typing import Any

from aiotask._retry import RetryPolicy
from aiotask.blueprint.changes import Change, same
from aiotask.blueprint.comparison import Step, changed_fields
from aiotask.blueprint.document import Row
from aiotask.blueprint.kinds import ACTIVITY, CHANNELS, TASK_CHANNEL, WORKER, Kind
from aiotask.blueprint.planning import Planned, planned
from aiotask.blueprint.present import capacities
from aiotask.blueprint.references import with_sids
from aiotask.errors import AiotaskError, BadRequestError, ConflictError, NotFoundError
from aiotask.taskrouter import WorkspaceContext

_POLICY = RetryPolicy()


async def apply(
    workspace: WorkspaceContext,
    document: Mapping[str, Any],
    *,
    prune: bool = False,
    retry: RetryPolicy = _POLICY,
) -> AsyncGenerator[Change, None]:
    """Make a workspace what a document says, and yield each change that is done.

    Broken off at any place and called again, it goes on. What is as the document says already gets
    no request but reads. A create whose answer is lost is looked for by its name before it is tried
    again, with the waits and the attempts of *retry*. Where the service refuses a deletion, the
    others are made, and the first refusal is raised at the end.
    """
    found = await planned(workspace, document, prune=prune)
    async with aclosing(carried_out(workspace, found, retry)) as changes:
        async for change in changes:
            yield change


async def carried_out(
    workspace: WorkspaceContext, found: Planned, retry: RetryPolicy = _POLICY
) -> AsyncGenerator[Change, None]:
    """Carry a plan out, and yield each change that is done."""
    application = _Application(workspace, found.sids, retry)
    refused: AiotaskError | None = None
    for step in found.comparison.steps:
        try:
            await application.take(step)
        except (BadRequestError, ConflictError) as error:
            if step.change.action != "delete":
                raise
            refused = refused or error
        else:
            yield step.change
    if refused is not None:
        raise refused


class _Application:
    """Takes steps; *sids* grow with what is created."""

    def __init__(
        self, workspace: WorkspaceContext, sids: dict[tuple[str, str], str], retry: RetryPolicy
    ) -> None:
        self._workspace = workspace
        self._sids = sids
        self._retry = retry.steady()

    async def take(self, step: Step) -> None:
        """Take one step."""
        collection: Any = step.kind.of(self._workspace)
        if step.held is None:
            await self._create(step.kind, step.row)
        elif step.change.action == "update":
            await self._update(step.kind, step.held.sid, step.held.row, step.row)
        else:
            with suppress(NotFoundError):  # somebody else has deleted it
                await collection.delete(step.held.sid)

    async def _create(self, kind: Kind, row: Row) -> None:
        collection: Any = kind.of(self._workspace)
        fields, name = self._sent(kind, row), row[kind.key]
        made: Any = None
        found: Any = None
        for attempt in count(1):
            try:
                made = await collection.create(**fields)
            except AiotaskError as error:
                found = await self._settled(kind, name, error, attempt)
            else:
                # Where names may repeat, an earlier attempt may have been carried out meanwhile.
                found = await self._found(kind, name, made.sid) if attempt > 1 else None
                if found is not None:
                    await collection.delete(made.sid)
            if made or found:
                break
        sid = self._sids[kind.many, kind.same(name)] = (found or made).sid
        if found is not None:  # it may be another's, so that it is brought to what the row says
            await self._update(kind, sid, None, row)
        elif CHANNELS in row:
            await self._set_channels(sid, row[CHANNELS])

    async def _settled(self, kind: Kind, name: str, error: AiotaskError, attempt: int) -> Any:
        """Return what has the name that could not be created, None if it is to be tried again."""
        # A name that is taken is refused: it may be that of an earlier attempt, carried out late.
        if not (error.maybe_applied or isinstance(error, BadRequestError | ConflictError)):
            raise error
        made = await self._found(kind, name)
        if made is None and error.maybe_applied and attempt < self._retry.attempts:
            await self._retry.sleep(self._retry.wait(error, attempt))
            return await self._found(kind, name)
        if made is None:
            raise error
        return made

    async def _found(self, kind: Kind, name: str, but: str | None = None) -> Any:
        """Return what has a name by now, *but* the resource of that sid, or None."""
        collection: Any = kind.of(self._workspace)
        by_name = {} if kind is TASK_CHANNEL else {kind.key: name}
        async for each in collection.list(**by_name):
            if kind.same(getattr(each, kind.key) or "") == kind.same(name) and each.sid != but:
                return each
        return None

    async def _update(self, kind: Kind, sid: str, held: Row | None, row: Row) -> None:
        """Set the fields that differ from those that are *held*, or all of them."""
        fields = self._sent(kind, _settable(kind, row))
        if kind is WORKER:
            await self._workspace.workers.modify(sid, lambda now: _changes(now, fields))
            if CHANNELS in row:
                await self._set_channels(sid, row[CHANNELS])
            return
        if held is not None:
            fields = {
                name: value
                for name, value in fields.items()
                if changed_fields(kind, held, {name: row[name]})
            }
        collection: Any = kind.of(self._workspace)
        if fields:
            await collection.update(sid, **fields)

    async def _set_channels(self, sid: str, wanted: Mapping[str, int]) -> None:
        now = await capacities(self._workspace, sid)
        channels = self._workspace.worker(sid).worker_channels
        for name, capacity in wanted.items():
            if now.get(name) != capacity:
                await channels.update(name, capacity=capacity)

    def _sent(self, kind: Kind, row: Row) -> Row:
        """Return the fields of a row that are sent, with sids in place of names."""
        sent = {name: value for name, value in row.items() if name != CHANNELS}
        for field in kind.activities:
            if field in sent:
                sent[field] = self._sid(ACTIVITY, sent[field])
        for field in kind.texts:
            if field in sent:
                sent[field] = with_sids(sent[field], self._sid)
        return sent

    def _sid(self, kind: Kind, name: str) -> str:
        return self._sids[kind.many, kind.same(name)]


def _settable(kind: Kind, row: Row) -> Row:
    """Return the fields that can be changed, and that may be."""
    fixed = {*kind.fixed, *kind.passing}
    return {name: value for name, value in row.items() if name not in fixed}


def _changes(now: Any, fields: Row) -> Any:
    return {name: value for name, value in fields.items() if not same(getattr(now, name), value)}
