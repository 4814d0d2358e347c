"""HTTP verbs and their retry semantics."""

from typing import NamedTuple

from aiotask._transport import LONGEST_ANSWER, LONGEST_PAGE


class Verb(NamedTuple):
    """One verb of the API; at most *longest* bytes of an answer are read."""

    method: str
    changes: bool
    idempotent: bool
    longest: int = LONGEST_ANSWER


READ = Verb("GET", changes=False, idempotent=True)
LIST = Verb("GET", changes=False, idempotent=True, longest=LONGEST_PAGE)
CREATE = Verb("POST", changes=True, idempotent=False)
UPDATE = Verb("POST", changes=True, idempotent=True)
DELETE = Verb("DELETE", changes=True, idempotent=True)
QUERY = Verb("POST", changes=False, idempotent=True)  # a read with parameters in a JSON body
