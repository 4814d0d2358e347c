"""Kinds of rows: the fields that rows have, and how rows of a list are read again."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from aiotask._encoding import field_types
from aiotask.bulk import JOB_ATTRIBUTE, KEY_ATTRIBUTE, ROW_ATTRIBUTE
from aiotask.cli.options import unknown_field
from aiotask.taskrouter import NewTask, NewWorker, Task, TaskChanges, Worker

# The name of a channel comes after its sid, because it is valid in another workspace, too.
_CHANNEL = {"task_channel_sid": "task_channel", "task_channel_unique_name": "task_channel"}


def _same(fields: dict[str, Any]) -> dict[str, Any]:
    return fields


@attrs.frozen(kw_only=True)
class RowKind:
    """The *fields* of a row with their types, and the names of a listed one for some of them.

    Those of *listed* are known beside a sid alone, so that a slip is not overlooked, and those of
    *aliases* always. ``finish`` makes the fields of a listed one those of a new one.
    """

    fields: Mapping[str, Any]
    listed: Mapping[str, str] = attrs.field(factory=dict)
    aliases: Mapping[str, str] = attrs.field(factory=dict)
    finish: Callable[[dict[str, Any]], dict[str, Any]] = _same

    def is_listed(self, names: Mapping[str, Any]) -> bool:
        """Return whether names are those of a listed one; a ValueError says which is unknown."""
        unknown = [name for name in names if name not in self.fields]
        known = self.listed if "sid" in names else self.aliases
        wrong = [name for name in unknown if name not in known]
        if wrong:
            raise ValueError(unknown_field(wrong[0], tuple(self.fields)))
        return bool(unknown)

    def renewed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields for a new one like a listed one; empty ones are left out."""
        names = {**self.listed, **self.aliases}
        renamed = {names[name]: row[name] for name in names if row.get(name) not in (None, "")}
        kept = {name: row[name] for name in self.fields if name in row and name not in names}
        fields = {name: value for name, value in renamed.items() if name in self.fields}
        return self.finish(kept | fields)


def _new_task(fields: dict[str, Any]) -> dict[str, Any]:
    if "workflow_sid" in fields:
        # The queue is where the workflow has put the task, and it will do so again.
        fields.pop("task_queue_sid", None)
    if not str(fields.get("routing_target")).startswith("WK"):
        fields.pop("ignore_capacity", None)
    return fields


NEW_TASKS = RowKind(
    fields=field_types(NewTask),
    listed={field.name: field.name for field in attrs.fields(Task)} | _CHANNEL,
    aliases=_CHANNEL,
    finish=_new_task,
)
TASK_UPDATES = RowKind(
    fields={"sid": str} | field_types(TaskChanges), listed=_CHANNEL, aliases=_CHANNEL
)
ACTIVITY_NAME = "activity_name"
"""The name of a worker's activity, which is valid in another workspace, too."""
WORKERS = RowKind(
    fields=field_types(NewWorker) | {ACTIVITY_NAME: str},
    listed={field.name: field.name for field in attrs.fields(Worker)},
)


def without_marks(fields: dict[str, Any], key_attribute: str) -> dict[str, Any]:
    """Return fields whose attributes lack the key and the job that an earlier import gave them."""
    attributes = fields.get("attributes")
    if not isinstance(attributes, dict) or JOB_ATTRIBUTE not in attributes:
        return fields
    marks = {KEY_ATTRIBUTE, JOB_ATTRIBUTE, ROW_ATTRIBUTE, key_attribute}
    kept = {name: value for name, value in attributes.items() if name not in marks}
    return {**fields, "attributes": kept}
