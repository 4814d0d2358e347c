"""Repetition of calls that have failed, by tenacity and as the policy allows."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import RetryCallState

from aiotask._call import Call
from aiotask._hooks import Hooks
from aiotask._retry import RetryPolicy, fate_unknown
from aiotask.errors import AiotaskError

T = TypeVar("T")

_log = logging.getLogger("aiotask")


async def repeated(
    call: Call,
    attempt: Callable[[], Awaitable[T]],
    failure: AiotaskError,
    started: float,
    retry: RetryPolicy,
    hooks: Hooks,
) -> T:
    """Repeat a call after its first attempt, which *started* then, ended in *failure*.

    tenacity's controller costs a third of a request, so the first attempt does without one.
    """
    verb = call.verb
    first: AiotaskError | None = failure
    attempts = 0
    maybe_applied = False

    async def counted() -> T:
        nonlocal first, attempts, maybe_applied
        attempts += 1
        try:
            if first is None:
                return await attempt()
            known, first = first, None
            raise known
        except AiotaskError as error:
            maybe_applied |= verb.changes and fate_unknown(error)
            call.tell(error, attempts, maybe_applied=maybe_applied)
            raise

    def tell(state: RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        _log.info("%s; again in %.2f s", error, state.upcoming_sleep)
        if isinstance(error, AiotaskError):
            hooks.retrying(attempts, state.upcoming_sleep, error)

    try:
        if not retry.repeats(failure, idempotent=verb.idempotent):
            return await counted()
        controller = retry.controller(
            idempotent=verb.idempotent, started=started, before_sleep=tell
        )
        return await controller(counted)
    except AiotaskError as error:
        hooks.failed(error)
        raise
