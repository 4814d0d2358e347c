"""Endpoints of workers."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from aiotask.sandbox.api.collection import EditableCollection
from aiotask.sandbox.api.dates import dates, written
from aiotask.sandbox.api.endpoint import Call, Endpoint
from aiotask.sandbox.api.references import referred, worker_filter
from aiotask.sandbox.api.reservations import WorkerReservations, WorkspaceAccess
from aiotask.sandbox.api.statistics import Reports
from aiotask.sandbox.api.worker_channels import WorkerChannels
from aiotask.sandbox.model.refusals import invalid
from aiotask.sandbox.model.transitions import Settings
from aiotask.sandbox.model.worker import Worker, WorkerView
from aiotask.sandbox.wire.answers import Answer
from aiotask.sandbox.wire.parameters import Parameters


class Workers(EditableCollection[Worker]):
    """The workers of one workspace.

    Undocumented by Twilio; the sandbox: a worker with open reservations cannot be deleted, a taken
    name is refused with 20001, Ordering is ignored, and an unknown queue has no workers.
    """

    key = "workers"
    filters: ClassVar[Mapping[str, str]] = {
        "ActivityName": "activity_name",
        "ActivitySid": "activity_sid",
    }
    etags = True

    def __init__(
        self, access: WorkspaceAccess, reports: Reports, settings: Callable[[], Settings]
    ) -> None:
        super().__init__(access.stores.workers, access.stores.workspace_sid)
        self._access = access
        self._reports = reports
        self._settings = settings

    def special(self, name: str) -> Endpoint | None:
        """Return the statistics of all workers."""
        return self._reports.workers(name)

    def below(self, sid: str, name: str) -> Endpoint | None:
        """Return the channels, reservations or statistics of a worker."""
        worker = self.store.get(sid)
        if worker is None:
            return None
        match name:
            case "Channels":
                return WorkerChannels(self._access.stores, worker)
            case "Reservations":
                return WorkerReservations(self._access, sid)
        return self._reports.worker(worker, name)

    def read(self, parameters: Parameters, item: Worker | None) -> dict[str, Any]:
        """Return the values of a request; a new worker has the default activity."""
        attributes = parameters.attributes()
        activity = referred(self._access.stores.activities, parameters, "ActivitySid")
        return {
            "friendly_name": parameters.named("FriendlyName", code=20002),
            "activity": activity or (self._settings().default_activity if item is None else None),
            "attributes": attributes and attributes[0],
            "decoded": attributes and attributes[1],
        }

    def update(self, call: Call) -> Answer:
        """Update a worker, who may reject pending reservations on becoming unavailable."""
        worker = self.matched(call)
        changes = self.read(call.parameters, worker)
        reject = call.parameters.boolean("RejectPendingReservations") or False
        activity = changes["activity"] or worker.activity
        if reject and activity.available:
            raise invalid("RejectPendingReservations needs an Activity that is not available")
        self._access.transitions.change_worker(worker, changes, reject=reject)
        return self.answer(call, 200, worker)

    def take_out(self, item: Worker) -> None:
        """Delete a worker without open reservations."""
        self._access.transitions.delete_worker(item)

    def matcher(self, parameters: Parameters) -> Callable[[Worker], bool]:
        """Return the filter by all list parameters."""
        same, chosen = (
            super().matcher(parameters),
            worker_filter(self._access.stores.queues, parameters),
        )
        available = parameters.boolean("Available")
        expression = parameters.expression("TargetWorkersExpression")

        def matches(worker: Worker) -> bool:
            return (
                available in (None, worker.activity.available)
                and same(worker)
                and chosen(worker)
                and (expression is None or expression.test(WorkerView(worker)))
            )

        return matches

    def render(self, item: Worker, parent: str) -> dict[str, Any]:
        """Return the documented fields."""
        collection = f"{parent}/Workers"
        url = f"{collection}/{item.sid}"
        return {
            "account_sid": self.account.sid,
            "activity_name": item.activity.friendly_name,
            "activity_sid": item.activity.sid,
            "attributes": item.attributes,
            "available": item.activity.available,
            **dates(item),
            "date_status_changed": written(item.since // 1000),
            "friendly_name": item.friendly_name,
            "sid": item.sid,
            "url": url,
            "workspace_sid": self.workspace_sid,
            "links": {
                "channels": f"{url}/Channels",
                "activity": f"{parent}/Activities/{item.activity.sid}",
                "workspace": parent,
                "statistics": f"{collection}/Statistics",
                "real_time_statistics": f"{collection}/RealTimeStatistics",
                "cumulative_statistics": f"{collection}/CumulativeStatistics",
                "worker_statistics": f"{url}/Statistics",
                "worker_channels": f"{url}/Channels",
                "reservations": f"{url}/Reservations",
            },
        }
