"""The service's side of a job of another verb: what its requests do, and others meanwhile."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Set as AbstractSet
from random import Random
from urllib.parse import parse_qs, urlencode

import msgspec

from aiotask.sandbox import Sandbox
from aiotask.sandbox.api.dispatch import Request
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.wire.answers import Answer
from kill.incidents import Incident
from kill.verbs import Work

CHANGED_BY_OTHERS = {"handled": True}
"""The attributes of a task that another program has changed."""

_LEAP = 400.0  # seconds, after which a service has no task any longer that was at its end
_DELIVERED_TWICE, _CHANGED_MEANWHILE = 0.02, 0.1  # shares of the requests
_EVERY = 0.15  # seconds between what others do
_MET = 0.05  # share of the rows with which they interfere, at the most


class _Named(msgspec.Struct):
    sid: str


class Others:
    """Counts what the requests of a program do, by row, and does what others do.

    ``applied`` has the changes that were carried out, and ``created`` the creates. ``again`` has
    the rows that were sent although the journal had their end, and ``written_over`` those that were
    written although somebody had changed them since they were read. ``met`` are the rows with which
    others have interfered, ``changed`` those whose task was changed by others, and ``last`` those
    that others were the last to change.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        workspace: str,
        work: Work,
        numbers: dict[str, int],
        random: Random,
        incidents: AbstractSet[Incident],
        counts: Counter[Incident],
    ) -> None:
        self.applied: Counter[int] = Counter()
        self.created: Counter[int] = Counter()
        self.met: defaultdict[int, set[Incident]] = defaultdict(set)
        self.changed: set[int] = set()
        self.last: set[int] = set()
        self.again: list[int] = []
        self.written_over: list[int] = []
        self._sandbox = sandbox
        self._work = work
        self._path = f"/v1/Workspaces/{workspace}/{work.collection}"
        self._numbers = numbers
        self._unseen: set[int] = set()
        self._over: AbstractSet[int] = frozenset()
        self._waiting: asyncio.TimerHandle | None = None
        self._random = random
        self._incidents = incidents
        self._counts = counts
        # No setting of the sandbox does such things to a request.
        self._service = sandbox._service  # noqa: SLF001
        self._carry_out = self._service.carry_out
        self._service.carry_out = self._watched  # type: ignore[method-assign]

    def see_no_more_of(self, rows: AbstractSet[int], late: float) -> None:
        """Expect that rows are not sent by a run that begins now.

        What an earlier one has sent may be carried out for *late* seconds.
        """
        if self._waiting is not None:
            self._waiting.cancel()
        self._over = frozenset()
        loop = asyncio.get_running_loop()
        self._waiting = loop.call_later(2 * late, setattr, self, "_over", rows)

    async def leap(self) -> None:
        """Advance the time, so that tasks that have ended leave the lists."""
        await self._sandbox.advance(seconds=_LEAP)

    async def keep_interfering(self) -> None:
        """Do what others do, until cancelled."""
        kinds: list[Incident] = ["changed by others", "ended by others", "removed by others"]
        most, done = _MET * len(self._numbers), 0
        while done < most:
            await asyncio.sleep(_EVERY)
            incident = self._random.choice(kinds)
            if incident not in self._incidents or self._work.collection == "Workflows":
                continue
            sid, number = self._random.choice([*self._numbers.items()])
            try:
                interferes = self._interfere(incident, sid, number)
            except (Refusal, LookupError):
                continue  # it is gone, or at its end
            self._counts[incident] += interferes
            done += interferes

    def _interfere(self, incident: Incident, sid: str, number: int) -> bool:
        match incident:
            case "changed by others" if self._work.collection == "Tasks":
                self._act("POST", sid, {"Attributes": msgspec.json.encode(CHANGED_BY_OTHERS)})
                self.changed.add(number)
                return True
            case "ended by others" if self._work.others_end and not self.applied[number]:
                self._sandbox.set_status(sid, self._work.others_end)
            case "removed by others":
                self._act("DELETE", sid, {})
            case _:
                return False
        self.met[number].add(incident)
        return True

    def _act(self, method: str, sid: str, fields: dict[str, bytes | str]) -> None:
        form = urlencode(fields).encode()
        url = self._sandbox.url
        self._carry_out(Request(method, url, f"{self._path}/{sid}", b"", form, None))

    def _watched(self, request: Request) -> Answer:
        """Carry out a request of the program."""
        name = request.path.removeprefix(f"{self._path}/")
        if request.path == self._path and request.method == "POST":
            return self._create(request)
        number = self._numbers.get(name)
        if number is None:
            return self._carry_out(request)
        if request.method == "GET":
            answer = self._carry_out(request)
            self._unseen.discard(number)
            self._change_meanwhile(name, number)
            return answer
        self._see_that_it_may_be_sent(number)
        answer = self._carry_out(request)
        self.applied[number] += 1
        if number in self._unseen:
            self.written_over.append(number)
        self.last.discard(number)
        return self._twice(request, answer)

    def _create(self, request: Request) -> Answer:
        name = parse_qs(request.form.decode())["FriendlyName"][0]
        number = int(name.rpartition("-")[2])
        self._see_that_it_may_be_sent(number)
        answer = self._carry_out(request)
        self.created[number] += 1
        self._numbers[msgspec.json.decode(answer.body, type=_Named).sid] = number
        if self._work.collection == "Workflows":  # which would be there twice
            return answer
        try:
            return self._twice(request, answer)
        except Refusal:
            # A name that is taken: nothing tells whether by this request or by somebody else's.
            self.met[number].add("request delivered twice")
            raise

    def _see_that_it_may_be_sent(self, number: int) -> None:
        if number in self._over:
            self.again.append(number)

    def _twice(self, request: Request, answer: Answer) -> Answer:
        """Deliver a request once more at times, as proxies do, and answer as one of both times."""
        if not self._befalls("request delivered twice", _DELIVERED_TWICE):
            return answer
        is_second_told = self._random.random() < 1 / 2
        try:
            second = self._carry_out(request)
        except Refusal:
            if is_second_told:
                raise
            return answer
        return second if is_second_told else answer

    def _change_meanwhile(self, sid: str, number: int) -> None:
        """Change what the program has just read, and will perhaps write."""
        if self._work.reads_first and self._befalls("changed by others", _CHANGED_MEANWHILE):
            changed = msgspec.json.encode({"number": -self._random.randrange(10**6)})
            self._act("POST", sid, {"Attributes": changed})
            self.met[number].add("changed by others")
            self._unseen.add(number)
            self.last.add(number)

    def _befalls(self, incident: Incident, share: float) -> bool:
        befalls = incident in self._incidents and self._random.random() < share
        self._counts[incident] += befalls
        return befalls
