"""What calls do to the service: it decides whether one may be repeated, and what errors mean."""

from typing import NamedTuple

from aiotask._transport import LONGEST_ANSWER, LONGEST_PAGE


class Verb(NamedTuple):
    """What a call does; *longest* is how many bytes of an answer are read."""

    method: str
    changes: bool
    idempotent: bool
    longest: int = LONGEST_ANSWER


READ = Verb("GET", changes=False, idempotent=True)
LIST = Verb("GET", changes=False, idempotent=True, longest=LONGEST_PAGE)
CREATE = Verb("POST", changes=True, idempotent=False)
UPDATE = Verb("POST", changes=True, idempotent=True)
DELETE = Verb("DELETE", changes=True, idempotent=True)
QUERY = Verb("POST", changes=False, idempotent=True)  # a read whose question is a body of JSON
