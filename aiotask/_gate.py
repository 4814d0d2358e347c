"""Bodies that can be forbidden until their first byte is sent."""

from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractStreamWriter


class ForbiddenError(aiohttp.ClientConnectionError):
    """A request was forbidden before its first byte."""


class GatedBody:
    """A body that may be sent if *may_go*, asked immediately before the first byte, says so."""

    __slots__ = ("body", "may_go")

    def __init__(self, body: bytes, may_go: Callable[[], bool]) -> None:
        self.body = body
        self.may_go = may_go


class GatedPayload(aiohttp.BytesPayload):
    """A gated body for aiohttp, which writes it when it has a connection.

    aiohttp sends the headers together with the body, so where it is refused nothing is sent.
    """

    def __init__(self, gated: GatedBody) -> None:
        super().__init__(gated.body)
        self._may_go = gated.may_go

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the body, unless that is forbidden."""
        await self.write_with_length(writer, None)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write so much of the body, unless that is forbidden."""
        if not self._may_go():
            raise ForbiddenError
        await super().write_with_length(writer, content_length)
