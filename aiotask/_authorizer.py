"""Authorization of requests by credentials that change: one renewal at a time for all who wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from copy import copy

from aiotask._answers import Answer
from aiotask._background import BackgroundTasks
from aiotask._call import Call
from aiotask._checks import header_value
from aiotask._credentials import Credentials
from aiotask._hooks import Hooks
from aiotask._secret import SecretText
from aiotask.errors import (
    AiotaskError,
    AuthenticationError,
    ClientStateError,
    ConfigurationError,
    ConnectionFailedError,
)

_log = logging.getLogger("aiotask")

# After a renewal that failed, the former value is used for so long before the next one.
_REST = 5.0  # seconds


class Authorizer:
    """Holds the present value of the header, and renews it by *credentials* when it has to."""

    def __init__(
        self,
        credentials: Credentials,
        background: BackgroundTasks,
        clock: Callable[[], float],
        hooks: Hooks,
    ) -> None:
        self._credentials = credentials
        self._background = background
        self._clock = clock
        self._hooks = hooks
        self._value: SecretText | None = None
        self._renewal: asyncio.Task[SecretText] | None = None
        self._rests_until = 0.0

    async def answer_to(
        self, call: Call, send: Callable[[SecretText], Awaitable[Answer]]
    ) -> Answer:
        """Send a request, and once more with other credentials if it is answered with 401.

        A 401 was not carried out, whatever the verb.
        """
        used = await self._current()
        try:
            return await send(used)
        except AuthenticationError as error:
            self._refused(used)
            if (other := await self._current()) == used:
                self._refused(other)
                raise
            call.tell(error, 1, maybe_applied=False)
            self._hooks.retrying(1, 0.0, error)
        try:
            return await send(other)
        except AuthenticationError:
            self._refused(other)
            raise

    def _refused(self, value: SecretText) -> None:
        if self._value is value:  # and not one that came since
            self._value = None

    async def _current(self) -> SecretText:
        value = self._value
        if value is None:
            return await self._renewed()
        if not self._credentials.due or self._clock() < self._rests_until:
            return value
        try:
            return await self._renewed()
        except ConnectionFailedError as error:
            self._rests_until = self._clock() + _REST
            if self._value is None:  # refused meanwhile
                raise
            _log.warning("the former credentials are used until they are refused: %s", error)
            return self._value

    async def _renewed(self) -> SecretText:
        renewal = self._renewal
        if (
            renewal is None
            or renewal.done()
            or renewal.get_loop() is not asyncio.get_running_loop()
        ):
            renewal = self._renewal = self._background.spawn(self._asked())
        # Of a task of its own, so that it goes on where the caller that began it is cancelled.
        await asyncio.wait([renewal])
        if renewal.cancelled():
            raise ClientStateError("the client is closed")
        if (failure := renewal.exception()) is not None:
            # Each call has an error of its own, and writes into it what it did.
            raise copy(failure) from failure.__cause__
        return renewal.result()

    async def _asked(self) -> SecretText:
        try:
            given: object = await self._credentials.authorization()
        except AiotaskError:
            raise
        except Exception as error:
            raise ConnectionFailedError(
                f"the credentials could not be renewed: {type(error).__name__}"
            ) from error
        try:
            self._value = SecretText(header_value("authorization", given))
        except ValueError:
            raise ConfigurationError(
                "authorization of the credentials must give visible ASCII, as in 'Bearer …'"
            ) from None
        return self._value
