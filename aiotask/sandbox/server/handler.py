"""HTTP request handler: admission, latency, faults and counts around each request."""

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache, partial
from typing import assert_never

from aiohttp import web
from multidict import CIMultiDict

from aiotask.sandbox.api.dispatch import Request, Service, kind_of
from aiotask.sandbox.clock.scheduler import Scheduler
from aiotask.sandbox.model.refusals import Refusal
from aiotask.sandbox.server.admission import Admission
from aiotask.sandbox.server.beside import Beside, Exchange
from aiotask.sandbox.server.connections import Connections, page, read_body, reset, truncate
from aiotask.sandbox.server.delayed import DelayedRequests
from aiotask.sandbox.server.faults import FAULTS, Effect, FaultKind, Faults
from aiotask.sandbox.server.tokens import PATH as TOKEN_PATH
from aiotask.sandbox.wire.answers import INJECTED, NO_CONTENT, Answer, error_answer, too_large

_AUTHORITY = re.compile(r"[\w.:\[\]-]{1,255}", re.ASCII)
_TOO_MANY = 429
# Cancelled handlers end in the next turn of the loop; a connection that was just accepted takes a
# few more to be aborted.
_TURNS = 5
_BODIES: Mapping[str, bytes] = {"empty": b"", "no_sid": b"{}"}
_GRACE = 0.1  # seconds for connections in the middle of a request body to end


@dataclass(slots=True)
class Counts:
    """Counts of requests by kind, and of answers by status."""

    requests: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)


@lru_cache(1)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


class RequestHandler:
    """Passes requests from connections to the service, and answers back."""

    def __init__(
        self,
        service: Service,
        admission: Admission,
        faults: Faults,
        counts: Counts,
        latency: float,
        retry_after: int | None,
        scheduler: Scheduler,
        now: Callable[[], int],
    ) -> None:
        self.authority: str = ""
        self.beside: Beside | None = None
        self.exchanges: deque[Exchange] | None = None
        self._service = service
        self._admission = admission
        self._faults = faults
        self._counts = counts
        self._latency = latency
        self._retry_after = retry_after
        self._now = now
        self._delayed = DelayedRequests(scheduler)
        self._handling: set[asyncio.Task[None]] = set()
        self._connections = Connections(self._handle)

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Start to serve on an address."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connections, host, port)
        host, port = server.sockets[0].getsockname()[:2]
        self.authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return server

    async def close(self) -> None:
        """Cancel requests in progress, discard delayed ones, and close all connections."""
        self._connections.closing = True
        handling = list(self._handling)
        # Before the connections: their shutdown would spend its grace on handlers that hang.
        for task in handling:
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)
        self._delayed.drop()
        self._connections.pre_shutdown()
        await self._connections.shutdown(_GRACE)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.beside is not None and self.beside.takes(request):
            return await self.beside.handle(request)
        in_flight = len(self._handling)
        self._handling.add(request.task)
        try:
            if self.exchanges is not None:
                return await self._recorded(request, in_flight, self.exchanges)
            return await self._serve(request, in_flight)
        except (ConnectionError, web.RequestPayloadError):
            # The client disconnected in the middle, or sent a body without a valid end.
            return web.Response(status=400)
        finally:
            self._handling.discard(request.task)

    async def _recorded(
        self, request: web.BaseRequest, in_flight: int, exchanges: deque[Exchange]
    ) -> web.StreamResponse:
        at, started_at, status = self._now(), time.perf_counter(), None
        faults: list[FaultKind] = []
        try:
            response = await self._serve(request, in_flight, faults)
            status = response.status
            return response
        finally:
            seconds = time.perf_counter() - started_at
            fault = faults[0] if faults else None
            path = request.rel_url.raw_path_qs
            exchanges.append(Exchange(at, request.method, path, status, seconds, fault))

    async def _serve(
        self, request: web.BaseRequest, in_flight: int, faults: list[FaultKind] | None = None
    ) -> web.StreamResponse:
        started_at = time.perf_counter()
        answer_to: Callable[[Request], Answer]
        carry_out: Callable[[Request], Answer]
        path = request.rel_url.raw_path
        self._counts.requests[kind_of(request.method, path)] += 1
        if request.method == "OPTIONS":
            # A browser's preflight has no credentials, and the request itself is yet to come.
            self._counts.answers[NO_CONTENT.status] += 1
            return self._response(NO_CONTENT, started_at)
        form = await read_body(request)
        if path == TOKEN_PATH:  # who asks for a token has none yet
            answer_to = carry_out = self._issue
            refusal = self._admission.refuse_above_limits(in_flight)
        else:
            answer_to, carry_out = self._service.answer, self._service.carry_out
            refusal = self._admission.refuse(request.headers.get("Authorization"), in_flight)
        # Latency is part of the execution; a refused request is not executed.
        if refusal is None and self._latency:
            await asyncio.sleep(self._latency)
        call = self._read(request, form or b"")
        if refusal is None and form is None:
            refusal = too_large()
        kind = self._faults.choose(request.method, path)
        if kind is None:
            return self._response(self._answer(answer_to, call, refusal), started_at)
        fault = FAULTS[kind]
        if faults is not None:
            faults.append(kind)
        match fault.moment:
            case "before":
                answer = NO_CONTENT
            case "after":
                answer = self._answer(answer_to, call, refusal)
            case "late":
                answer = NO_CONTENT
                act = partial(self._answer, carry_out, call, refusal)
                self._delayed.put(act, self._faults.lateness())
            case _:
                assert_never(fault.moment)
        return await self._break(request, fault.effect, answer, started_at)

    def _issue(self, call: Request) -> Answer:
        return self._admission.tokens.answer(call.method, call.form)

    def _read(self, request: web.BaseRequest, form: bytes) -> Request:
        host = request.headers.get("Host", "")
        # URLs in answers have the client's own name of this server, to lead it back here.
        authority = host if _AUTHORITY.fullmatch(host) else self.authority
        return Request(
            method=request.method,
            origin=f"http://{authority}",
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string.encode(),
            form=form,
            if_match=request.headers.get("If-Match"),
        )

    def _answer(
        self, answer_to: Callable[[Request], Answer], call: Request, refusal: Refusal | None
    ) -> Answer:
        """Return the service's answer, or that of a *refusal* by admission, and count it."""
        try:
            answer = answer_to(call) if refusal is None else error_answer(refusal)
        except Refusal as refused:
            answer = error_answer(refused)
        self._counts.answers[answer.status] += 1
        return answer

    def _response(self, answer: Answer, started_at: float) -> web.Response:
        headers = self._headers(answer, started_at)
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def _headers(self, answer: Answer, started_at: float) -> CIMultiDict[str]:
        headers = self._admission.headers(len(self._handling), time.perf_counter() - started_at)
        # By the clock that dates resources, too: aiohttp would put the machine's time here.
        headers["Date"] = _http_date(self._now())
        if answer.etag is not None:
            headers["ETag"] = answer.etag
        if answer.status == _TOO_MANY and self._retry_after is not None:
            headers["Retry-After"] = str(self._retry_after)
        return headers

    async def _break(
        self, request: web.BaseRequest, effect: Effect, answer: Answer, started_at: float
    ) -> web.StreamResponse:
        match effect:
            case "hang":
                await self._connections.left(request)
            case "reset":
                reset(request)
            case "truncated":
                if answer.body:
                    headers = self._headers(answer, started_at)
                    return await truncate(request, answer.status, headers, answer.body)
                reset(request)
            case "not_json":
                return page(answer.status if answer.body else 200, _http_date(self._now()))
            case "no_sid" | "empty":
                body = _BODIES[effect] if answer.body else b""
                return self._response(answer._replace(body=body), started_at)
            case "429" | "500" | "503":
                return self._response(error_answer(INJECTED[effect]), started_at)
            case "502" | "504":
                return page(int(effect), _http_date(self._now()))
            case _:
                assert_never(effect)
        return web.Response()
