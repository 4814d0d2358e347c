"""A row on its way through a bulk creation."""

from typing import Any

from aiotask.errors import AiotaskError


class Item:
    """A row that is claimed: what is sent for it, and what is known of it so far.

    Times are in seconds: ``given_up`` by the run's own clock, ``sent`` by the service's, None
    where that has not told its time yet.
    """

    __slots__ = (
        "body",
        "carried_out",
        "due",
        "error",
        "given_up",
        "key",
        "looks",
        "number",
        "old",
        "place",
        "print",
        "row",
        "sent",
        "tries",
    )

    def __init__(
        self,
        number: int,
        row: Any,
        key: str | None,
        body: bytes,
        print_: int | None,
        place: int | None,
    ) -> None:
        self.number = number
        self.row = row
        self.key = key
        self.body = body
        self.print = print_
        self.place = place
        self.sent: float | None = None
        self.tries = 0
        self.given_up = 0.0
        self.due = 0.0
        self.looks = 0
        self.carried_out = False
        self.old = False
        self.error: AiotaskError | None = None
