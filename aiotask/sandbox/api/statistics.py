"""Endpoints of statistics."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from aiotask.sandbox.api.endpoint import Endpoint
from aiotask.sandbox.api.references import referred_channel, worker_filter
from aiotask.sandbox.api.singleton import Bulk, Figures, Read, Report
from aiotask.sandbox.api.windows import read_recent_window, written_window
from aiotask.sandbox.model.events import Event
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.statistics import (
    OF_QUEUE,
    OF_WORKERS,
    OF_WORKFLOW,
    OF_WORKSPACE,
    Window,
    count_events,
    longest_in_queue,
    summary,
    tasks_now,
    waits,
)
from aiotask.sandbox.model.task_queue import TaskQueue
from aiotask.sandbox.model.worker import Worker
from aiotask.sandbox.model.workflow import Workflow
from aiotask.sandbox.model.workspace_stores import Stores
from aiotask.sandbox.wire.parameters import Parameters

_THRESHOLDS = re.compile(r"\d{1,9}(,\s*\d{1,9}){0,99}", re.ASCII)


class Reports:
    """The statistics of one workspace.

    Undocumented by Twilio; the sandbox: with a TaskChannel, workers count if that channel of theirs
    is available, and above the limit of 100 workers their statistics are refused with 20001.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._about = {
            "account_sid": stores.account.sid,
            "workspace_sid": stores.workspace_sid,
        }

    def workspace(self) -> dict[str, Endpoint]:
        """Return the endpoints of the workspace by path."""
        return self._endpoints({}, self._workspace_now, self._past("", "", OF_WORKSPACE))

    def workflow(self, workflow: Workflow, name: str) -> Endpoint | None:
        """Return an endpoint of a workflow."""

        def now(parameters: Parameters) -> Figures:
            return self._tasks_now(parameters, "workflow_sid", workflow.sid)

        past = self._past("workflow_sid", workflow.sid, OF_WORKFLOW)
        return self._endpoints({"workflow_sid": workflow.sid}, now, past).get(name)

    def queue(self, queue: TaskQueue, name: str) -> Endpoint | None:
        """Return an endpoint of a queue."""
        past = self._past("task_queue_sid", queue.sid, OF_QUEUE)
        about = {"task_queue_sid": queue.sid}
        return self._endpoints(about, lambda asked: self._queue_now(asked, queue), past).get(name)

    def of_queues(self, parameters: Parameters) -> Callable[[TaskQueue], Figures]:
        """Return the function that computes the figures of each listed queue."""

        def figures(queue: TaskQueue) -> Figures:
            past = self._past("task_queue_sid", queue.sid, OF_QUEUE)
            return {
                **self._about,
                "task_queue_sid": queue.sid,
                "realtime": self._queue_now(parameters, queue),
                "cumulative": past(parameters),
            }

        return figures

    def bulk(self) -> Endpoint:
        """Return the endpoint for several queues at once."""
        return Bulk(
            self._about,
            lambda sid: {
                **self._tasks_now(Parameters(), "task_queue_sid", sid),
                **self._workers_now(self._stores.queues.get(sid)),
            },
        )

    def workers(self, name: str) -> Endpoint | None:
        """Return an endpoint of all workers, or of those that the parameters select."""

        def now(parameters: Parameters) -> Figures:
            workers = self._asked(parameters)
            channel = referred_channel(self._stores.channels, parameters)
            if channel is not None:
                workers = [item for item in workers if item.channels[channel.sid].available]
            return {"total_workers": len(workers), **self._by_activity(workers)}

        return self._endpoints(
            {}, now, lambda asked: self._workers_past(asked, self._asked(asked))
        ).get(name)

    def worker(self, worker: Worker, name: str) -> Endpoint | None:
        """Return the endpoint of one worker, which is cumulative only."""
        if name != "Statistics":
            return None

        def figures(parameters: Parameters) -> Figures:
            self._check_size()
            return {"cumulative": self._workers_past(parameters, [worker])}

        return Report({**self._about, "worker_sid": worker.sid}, figures)

    def _endpoints(self, about: Mapping[str, str], now: Read, past: Read) -> dict[str, Endpoint]:
        about = {**self._about, **about}
        return {
            "RealTimeStatistics": Report(about, now),
            "CumulativeStatistics": Report(about, past),
            "Statistics": Report(
                about, lambda asked: {"realtime": now(asked), "cumulative": past(asked)}
            ),
        }

    def _workspace_now(self, parameters: Parameters) -> Figures:
        workers = self._stores.workers
        return {
            **self._tasks_now(parameters, None, None),
            "activity_statistics": self._activity_statistics(workers.by_activity),
            "total_workers": len(workers),
        }

    def _queue_now(self, parameters: Parameters, queue: TaskQueue) -> Figures:
        stores = self._stores
        channel, now = referred_channel(stores.channels, parameters), stores.account.now()
        return {
            **self._tasks_now(parameters, "task_queue_sid", queue.sid),
            **longest_in_queue(stores.tasks, queue.sid, channel, now),
            **self._workers_now(queue),
        }

    def _tasks_now(self, parameters: Parameters, field: str | None, sid: str | None) -> Figures:
        stores = self._stores
        channel = referred_channel(stores.channels, parameters)
        return tasks_now(stores.tasks, field, sid, channel, stores.account.now())

    def _workers_now(self, queue: TaskQueue | None) -> Figures:
        eligible = [] if queue is None else queue.eligible(self._stores.workers)
        return {
            "total_eligible_workers": len(eligible),
            "total_available_workers": sum(item.activity.available for item in eligible),
            **self._by_activity(eligible),
        }

    def _by_activity(self, workers: Iterable[Worker]) -> Figures:
        counts = Counter(worker.activity.sid for worker in workers)
        return {"activity_statistics": self._activity_statistics(counts)}

    def _activity_statistics(self, counts: Mapping[str, int]) -> list[Figures]:
        return [
            {
                "friendly_name": item.friendly_name,
                "workers": counts.get(item.sid, 0),
                "sid": item.sid,
            }
            for item in self._stores.activities
        ]

    def _past(self, field: str, sid: str, names: Mapping[str, str]) -> Read:
        def past(parameters: Parameters) -> Figures:
            split = _thresholds(parameters)
            window, events = self._events(parameters)
            found = [event for event in events if not field or getattr(event.facts, field) == sid]
            queue = field == "task_queue_sid"
            return {
                **written_window(window),
                **count_events(found, names),
                **waits(found, split, queue=queue),
            }

        return past

    def _events(self, parameters: Parameters) -> tuple[Window, list[Event]]:
        """Return the window and the events in it, filtered by TaskChannel."""
        stores = self._stores
        window = read_recent_window(parameters, stores.account.now())
        channel = referred_channel(stores.channels, parameters)
        events = window.within(stores.log.since(window.start))
        if channel is not None:
            events = [item for item in events if item.facts.task_channel_sid == channel.sid]
        return window, events

    def _check_size(self) -> None:
        most = self._stores.account.worker_statistics
        if most is not None and len(self._stores.workers) > most:
            raise invalid(f"There are no statistics of Workers above {most} Workers")

    def _asked(self, parameters: Parameters) -> list[Worker]:
        self._check_size()
        return list(filter(worker_filter(self._stores.queues, parameters), self._stores.workers))

    def _workers_past(self, parameters: Parameters, workers: Iterable[Worker]) -> Figures:
        by_sid = {worker.sid: worker for worker in workers}
        window, events = self._events(parameters)
        found = [event for event in events if event.facts.worker_sid in by_sid]
        durations = self._durations(window, by_sid)
        return {
            **written_window(window),
            **count_events(found, OF_WORKERS),
            "activity_durations": [
                {
                    **summary(durations.get(item.sid, [])),
                    "friendly_name": item.friendly_name,
                    "sid": item.sid,
                }
                for item in self._stores.activities
            ],
        }

    def _durations(self, window: Window, workers: Mapping[str, Worker]) -> dict[str, list[int]]:
        """Return the seconds within the window of each stay in each activity."""
        stores = self._stores
        now = stores.account.milliseconds()
        # The present stays are those of the workers; events tell of those that ended.
        stays = [(item.activity.sid, item.since, now) for item in workers.values()]
        for event in stores.log.since(window.start):
            if event.type == "worker.activity.update" and event.facts.worker_sid in workers:
                more = dict(event.facts.more)
                started_at = event.at - int(more["worker_time_in_previous_activity_ms"])
                stays.append((more["worker_previous_activity_sid"], started_at, event.at))
        durations: dict[str, list[int]] = {}
        for sid, started_at, ended_at in stays:
            first, last = max(started_at // 1000, window.start), min(ended_at // 1000, window.end)
            if first <= last:
                durations.setdefault(sid, []).append(last - first)
        return durations


def _thresholds(parameters: Parameters) -> list[int]:
    """Read SplitByWaitTime."""
    text = parameters.text("SplitByWaitTime")
    if not text:
        return []
    if not _THRESHOLDS.fullmatch(text):
        raise invalid(f"Invalid SplitByWaitTime {text!r}: must be whole numbers of seconds")
    return [int(part) for part in text.split(",")]
