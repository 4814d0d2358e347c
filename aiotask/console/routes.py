"""Routes of a workflow: its filters and targets, and which of them are for a task.

Expressions are evaluated by the sandbox's own language, not by the service.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import attrs

from aiotask.sandbox.expressions.language import Expression, ExpressionError, parse
from aiotask.taskrouter import FilterTarget, Workflow, WorkflowConfiguration

DEFAULT = "default filter"


@attrs.frozen(kw_only=True)
class Step:
    """A target: a queue, and under which conditions for how long; times in seconds."""

    queue_sid: str
    queue: str
    expression: str | None = None
    priority: int | None = None
    timeout: int | None = None
    until: int | None = None
    """The sum of its timeout and those before it; None for a target without an end."""
    more: tuple[tuple[str, str], ...] = ()
    """Other conditions, by their names in the document."""


@attrs.frozen(kw_only=True)
class Rule:
    """A filter with its targets; the default filter has no expression."""

    name: str
    expression: str | None
    steps: list[Step]


@attrs.frozen(kw_only=True)
class Routes:
    """The filters of a workflow in order, the default one last; *wrong* says why there are none."""

    rules: list[Rule]
    wrong: str | None = None

    def first(self, attributes: Any) -> int | None:
        """Return the number of the filter that takes a task with these attributes."""
        for number, rule in enumerate(self.rules):
            if rule.expression is None or holds(rule.expression, attributes):
                return number
        return None

    def towards(self, attributes: Any, queue_sid: str) -> tuple[Rule, Step] | None:
        """Return the filter and target by which a task with these attributes is in a queue.

        That is the first filter that matches and leads there; a task that a request sent there, or
        whose attributes have changed since, may have none.
        """
        for rule in self.rules:
            if rule.expression is None or holds(rule.expression, attributes):
                for step in rule.steps:
                    if step.queue_sid == queue_sid:
                        return rule, step
        return None


def routes_of(workflow: Workflow, queues: Mapping[str, str]) -> Routes:
    """Return the routes of a workflow; *queues* are names by sid."""
    try:
        document = WorkflowConfiguration.from_document(workflow.configuration or {})
    except ValueError as error:
        return Routes(rules=[], wrong=str(error))
    rules = [
        Rule(
            name=rule.filter_friendly_name or f"filter {number}",
            expression=rule.expression,
            steps=_steps(rule.targets, queues),
        )
        for number, rule in enumerate(document.filters, 1)
    ]
    if document.default_filter is not None:
        sid = document.default_filter.queue
        step = Step(queue_sid=sid, queue=queues.get(sid, sid))
        rules.append(Rule(name=DEFAULT, expression=None, steps=[step]))
    return Routes(rules=rules)


def holds(expression: str, attributes: Any) -> bool:
    """Tell whether an expression is true of attributes; one that cannot be read is not."""
    parsed = _parsed(expression)
    return parsed is not None and parsed.test(attributes if isinstance(attributes, dict) else {})


@lru_cache(1_000)
def _parsed(expression: str) -> Expression | None:
    try:
        return parse(expression)
    except ExpressionError:
        return None


def _steps(targets: Sequence[FilterTarget], queues: Mapping[str, str]) -> list[Step]:
    steps: list[Step] = []
    sid, age = "", 0
    for target in targets:
        sid = target.queue or sid
        age += target.timeout or 0
        more = {
            "skip_if": target.skip_if,
            "order_by": target.order_by,
            "known_worker_sid": target.known_worker_sid,
            "known_worker_friendly_name": target.known_worker_friendly_name,
        }
        steps.append(
            Step(
                queue_sid=sid,
                queue=queues.get(sid, sid),
                expression=target.expression,
                priority=target.priority,
                timeout=target.timeout,
                until=age if target.timeout else None,
                more=tuple((name, text) for name, text in more.items() if text),
            )
        )
    return steps
