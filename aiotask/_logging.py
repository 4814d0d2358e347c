"""Log of requests that the environment asks for: AIOTASK_LOG."""

import logging
import os

from aiotask._hooks import Hooks
from aiotask.errors import AiotaskError, ConfigurationError

_VARIABLE = "AIOTASK_LOG"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}

_log = logging.getLogger("aiotask")


def heed_environment(hooks: Hooks) -> None:
    """Write to standard error what ``AIOTASK_LOG`` asks for; without it do nothing.

    A program that has set up logging keeps its handlers, and only the level is changed. A value
    that is no level is a ConfigurationError.
    """
    wanted = os.environ.get(_VARIABLE, "").strip().lower()
    if not wanted:
        return
    level = _LEVELS.get(wanted)
    if level is None:
        raise ConfigurationError(f"{_VARIABLE} must be {', '.join(_LEVELS)} or empty")
    if not _log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        _log.addHandler(handler)
    _log.setLevel(level)
    if level <= logging.DEBUG:
        hooks.add(on_response=_answered, on_error=_unanswered)


def _answered(
    method: str, url: str, status: int, seconds: float, /, *, operation: str, route: str
) -> None:
    del route
    _log.debug("%s: %s %s: %d in %.3f s", operation, method, url, status, seconds)


def _unanswered(
    method: str,
    url: str,
    error: BaseException,
    seconds: float,
    /,
    *,
    operation: str,
    route: str,
) -> None:
    del route
    # An error of ours says nothing that is secret; another one might.
    told = f"{type(error).__name__}: {error}" if isinstance(error, AiotaskError) else "given up"
    _log.debug("%s: %s %s: %s after %.3f s", operation, method, url, told, seconds)
