"""Time windows of event lists and statistics, as parameters set them and answers write them."""

from aiotask.sandbox.api.dates import written
from aiotask.sandbox.model.events import DAYS
from aiotask.sandbox.model.refusals import Refusal, invalid
from aiotask.sandbox.model.statistics import Window
from aiotask.sandbox.wire.parameters import Parameters

_DEFAULT_MINUTES = 15
_MOST_MINUTES = 10**9
_MONTH = DAYS * 86_400


def read_window(parameters: Parameters, now: int) -> Window:
    """Read StartDate, EndDate and Minutes; with a StartDate the Minutes do not matter."""
    minutes = parameters.integer("Minutes", 1, _MOST_MINUTES) or _DEFAULT_MINUTES
    end = parameters.moment("EndDate")
    end = now if end is None else end
    start = parameters.moment("StartDate")
    start = end - minutes * 60 if start is None else start
    if start > end:
        raise invalid("Invalid StartDate: it is after the EndDate")
    return Window(start, end)


def read_recent_window(parameters: Parameters, now: int) -> Window:
    """Read a window of statistics, which Twilio keeps for the last 30 days only (14241)."""
    window = read_window(parameters, now)
    if window.start < now - _MONTH:
        raise Refusal(14241, f"The StartDate is more than {DAYS} days in the past")
    return window


def written_window(window: Window) -> dict[str, str | None]:
    """Return both ends as answers write them."""
    return {"start_time": written(window.start), "end_time": written(window.end)}
