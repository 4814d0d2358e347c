"""Rows that ``tasks list`` wrote: the fields of a listed task that a new one can have."""

from collections.abc import Mapping
from typing import Any

import attrs

from aiotask.bulk import JOB_ATTRIBUTE, KEY_ATTRIBUTE, ROW_ATTRIBUTE
from aiotask.cli.importing.records import FIELDS
from aiotask.cli.options import unknown_field
from aiotask.taskrouter import Task

# The name of a channel comes after its sid, because it is valid in another workspace, too.
_CHANNEL = {"task_channel_sid": "task_channel", "task_channel_unique_name": "task_channel"}
_LISTED = {field.name: field.name for field in attrs.fields(Task)} | _CHANNEL


def is_listed(names: Mapping[str, Any]) -> bool:
    """Return whether names are those of a listed task; a ValueError says which is unknown.

    Names that only a listed task has are known beside its sid, so that a slip is not overlooked.
    """
    unknown = [name for name in names if name not in FIELDS]
    listed = _LISTED if "sid" in names else _CHANNEL
    wrong = [name for name in unknown if name not in listed]
    if wrong:
        raise ValueError(unknown_field(wrong[0], tuple(FIELDS)))
    return bool(unknown)


def new_task(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields for a new task like a listed one; empty ones are left out."""
    renamed = {_LISTED[name]: row[name] for name in _LISTED if row.get(name) not in (None, "")}
    fields = {name: value for name, value in renamed.items() if name in FIELDS}
    if "workflow_sid" in fields:
        # The queue is where the workflow has put the task, and it will do so again.
        fields.pop("task_queue_sid", None)
    if not str(fields.get("routing_target")).startswith("WK"):
        fields.pop("ignore_capacity", None)
    return fields


def without_marks(fields: dict[str, Any], key_attribute: str) -> dict[str, Any]:
    """Return fields whose attributes lack the key and the job that an earlier import gave them."""
    attributes = fields.get("attributes")
    if not isinstance(attributes, dict) or JOB_ATTRIBUTE not in attributes:
        return fields
    marks = {KEY_ATTRIBUTE, JOB_ATTRIBUTE, ROW_ATTRIBUTE, key_attribute}
    kept = {name: value for name, value in attributes.items() if name not in marks}
    return {**fields, "attributes": kept}
