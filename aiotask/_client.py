"""Client: credentials, base URLs, one session, and the products' contexts."""

import os
import re
import ssl as tls
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import aiohttp
from yarl import URL

from aiotask._authorizer import Authorizer
from aiotask._connections import Connections
from aiotask._credentials import AccessTokens, ClientCredentials, Credentials
from aiotask._hooks import Counters, Hooks, OnError, OnRequest, OnResponse, OnRetry
from aiotask._hosts import product_base
from aiotask._last_answer import Answered, answered
from aiotask._logging import heed_environment
from aiotask._request_headers import RequestHeaders, request_headers
from aiotask._retry import RetryPolicy
from aiotask._route import Route, tls_context
from aiotask._secret import SecretText
from aiotask._session import Session
from aiotask.autopilot import Autopilot
from aiotask.errors import ConfigurationError
from aiotask.taskrouter import TaskRouter

T = TypeVar("T")

_USER = re.compile("[!-9;-~]+")
_SID = re.compile("[A-Z]{2}[0-9a-fA-F]{32}")
_VISIBLE = re.compile("[!-~]+")

# A server that has not accepted a connection in this time seldom does later.
_LONGEST_CONNECT = 10.0


class Client:
    """Client of TaskRouter: ``async with Client(account_sid, auth_token) as client: ...``.

    Credentials are an account's sid and token, or an API key's sid and secret. Missing ones come
    from ``TWILIO_ACCOUNT_SID``, ``TWILIO_AUTH_TOKEN``, ``TWILIO_API_KEY`` and
    ``TWILIO_API_SECRET``, *region* and *edge* from ``TWILIO_REGION`` and ``TWILIO_EDGE``. A pair
    that is given goes before one of the environment, and an API key before a token.

    A *region* without an edge gets the edge that belongs to it (``ie1`` dublin, ``au1`` sydney,
    ``jp1`` tokyo, ``us1`` ashburn, ...), as in Twilio's own libraries, since hosts with a region
    alone were to end on April 28, 2026
    (https://www.twilio.com/docs/global-infrastructure/api-domain-migration-guide); one whose edge
    is not known is refused. An *edge* alone is one of ``us1``.

    *base_url* replaces the host of every product: by that of the sandbox, or of a proxy, perhaps
    with a prefix of paths; all requests go there, those for next pages too. Without it, the
    environment's ``AIOTASK_BASE_URL`` does so, unless that is empty. It is https, or http to this
    machine; *allow_insecure* allows plain http to others. *timeout* is how many seconds one attempt
    may take once it has a connection slot, or an ``aiohttp.ClientTimeout``. *retry* is the policy
    by which failed calls are repeated. At most *max_connections* requests are under way at a time.

    Instead of them, *credentials* are ones that change while the client runs: a
    :class:`ClientCredentials`, or any object like :class:`Credentials`; *account_sid* may tell
    whose they are.

    *proxy* is the URL of a forward proxy, ``http://user:password@host:3128``, through which all
    requests go. *ssl* is an ``ssl.SSLContext``, or the path of the authorities to trust instead of
    the system's: a PEM file, or a directory of them. With *trust_env* the proxies are those of
    ``HTTPS_PROXY`` and ``HTTP_PROXY``, but for the hosts of ``NO_PROXY``, read now; one without
    credentials gets those that ``.netrc`` has for its host. The client's own credentials never come
    from ``.netrc``. *user_agent* goes before what names aiotask, as in ``orders/1.4``. A caller's
    own *session* has its own proxy and TLS, so with it the first three are refused.

    *on_request* is called with ``(method, url)`` before each request, and then either *on_response*
    with ``(method, url, status, seconds)`` after its whole answer, or *on_error* with ``(method,
    url, error, seconds)`` where none came: an AiotaskError, or the CancelledError of a call that
    was given up. *on_retry* is called with ``(attempt, delay, reason)`` before a call, or a row of
    ``create_many``, is repeated: the number of the attempt that failed (from 1), the seconds until
    the next one as far as they are known, and its AiotaskError. A hook with parameters called
    ``operation`` and ``route`` gets these by name: ``tasks.create`` and
    ``/v1/Workspaces/{WorkspaceSid}/Tasks``, which are few enough for labels of metrics, and an
    *on_response* with a parameter called ``headers`` those of the answer. Hooks are
    plain callables, and quick ones, because they block the event loop; URLs come without their
    query. An exception in a hook is logged and has no other effect. ``counters`` has the totals.
    With ``AIOTASK_LOG=debug`` in the environment every request is logged to standard error.

    A client can be created anywhere, and belongs to the event loop that enters it; after leaving,
    it can be entered again. With a caller's own *session* it need not be entered: it then belongs
    to the loop that uses it first, and the session is never closed. Its repr does not show the
    credentials, and it does not pickle. Wrong settings are a ConfigurationError.
    """

    _shown_user = "…"  # for a repr before the credentials are checked
    _is_view = False

    def __init__(
        self,
        account_sid: str | None = None,
        auth_token: str | None = None,
        *,
        api_key: str | None = None,
        api_secret: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        base_url: str | None = None,
        allow_insecure: bool = False,
        timeout: float | aiohttp.ClientTimeout = 30.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen, and shared on purpose
        max_connections: int = 100,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: tls.SSLContext | str | os.PathLike[str] | None = None,
        trust_env: bool = False,
        credentials: Credentials | ClientCredentials | None = None,
        user_agent: str | None = None,
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        on_retry: OnRetry | None = None,
        on_error: OnError | None = None,
    ) -> None:
        # From here on no traceback shows them, not even one with locals.
        auth_token, api_secret = _hidden(auth_token), _hidden(api_secret)
        if base_url is None:
            base_url = os.environ.get("AIOTASK_BASE_URL") or None
        if isinstance(base_url, str) and "@" in base_url:
            base_url = SecretText(base_url)
        proxy = _hidden(proxy)
        basic: SecretText | None = None
        if credentials is not None:
            if auth_token or api_key or api_secret:
                raise ConfigurationError("give credentials, or a token or an API key, and not both")
            user, told = _told_of(credentials)
        else:
            user, password, told = _credentials(account_sid, auth_token, api_key, api_secret)
            basic = SecretText(f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}")
        if type(max_connections) is not int or max_connections < 1:
            raise ConfigurationError(f"max_connections must be at least 1, not {max_connections!r}")
        retry = retry.steady()
        self._shown_user = f"{user[:2]}…{user[-4:]}"
        if session is not None and (proxy is not None or ssl is not None or trust_env):
            raise ConfigurationError(
                "proxy, ssl and trust_env are settings of connections, and those are the session's"
                " that is given: set them there"
            )
        connections = Connections(
            most=max_connections,
            given=session,
            route=Route(proxy) if proxy is not None or trust_env else None,
            context=tls_context(ssl),
        )
        self._session = Session(
            connections,
            headers=_headers(basic, user_agent),
            credentials=told,
            account=account_sid or os.environ.get("TWILIO_ACCOUNT_SID"),
            timeout=_timeout(timeout),
            retry=retry,
            hooks=Hooks(retry.clock, on_request, on_response, on_retry, on_error),
        )
        heed_environment(self._session.hooks)

        def base(product: str) -> str:
            return product_base(
                product,
                region=region or os.environ.get("TWILIO_REGION"),
                edge=edge or os.environ.get("TWILIO_EDGE"),
                base_url=base_url,
                allow_insecure=allow_insecure,
            )

        self._bases = base("taskrouter"), base("autopilot")
        if credentials is not None:
            if isinstance(credentials, ClientCredentials):
                ask = partial(self._session.ask_token, URL(f"{base('oauth')}/v2/token"))
                credentials = AccessTokens(credentials, ask, retry.clock)
            self._session.authorizer = Authorizer(
                credentials, connections.background, retry.clock, self._session.hooks
            )
        self._products()

    def _products(self) -> None:
        taskrouter, autopilot = self._bases
        self.taskrouter: TaskRouter = TaskRouter(self._session, taskrouter)
        self.autopilot: Autopilot = Autopilot(self._session, autopilot)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> Self:
        """Open the client without ``async with``, as in a notebook, and return it; then ``close``.

        ``client = await Client().open()``
        """
        if self._is_view:
            self._session.check()
        else:
            await self._session.connections.open()
        return self

    async def close(self) -> None:
        """Cancel background tasks and close the connections; a second call does nothing."""
        if not self._is_view:
            await self._session.connections.close()

    def with_options(
        self,
        *,
        timeout: float | aiohttp.ClientTimeout | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a view on this client with other options: ``client.with_options(timeout=5)``.

        It has the same connections, rate limiters, hooks and counters; what is not given stays as
        it is, and ``clock`` and ``sleep`` of a *retry* policy are those of the client. *headers*
        are sent with every request besides the client's own, which cannot be replaced (a
        ValueError). A view is usable while the client is; opening one checks that, and closing it
        does nothing.
        """
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._is_view = True
        view._session = self._session.with_options(
            None if timeout is None else _timeout(timeout), retry, headers or {}
        )
        view._products()
        return view

    async def raw(self, call: Callable[[], Awaitable[T]]) -> Answered[T]:
        """Make a call, and return its value together with the status and headers of its answer.

        ``answer = await client.raw(lambda: workspace.tasks.fetch(sid))``. Where a call makes
        several requests, the last answer counts. Errors are raised as without it; they know
        their status and headers by themselves.
        """
        return await answered(self._session.connections, call)

    @property
    def hooks(self) -> Hooks:
        """The hooks of this client; ``hooks.add(on_request=…)`` adds some later."""
        return self._session.hooks

    @property
    def counters(self) -> Counters:
        """Totals of this client so far, in one object that is updated."""
        return self._session.hooks.counters

    def __repr__(self) -> str:
        return f"<Client {self._shown_user}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Client does not pickle or copy: it holds credentials and connections")


def _credentials(
    account_sid: str | None, auth_token: str | None, api_key: str | None, api_secret: str | None
) -> tuple[str, str, str]:
    """Return the user and password to send, and what may be told of them.

    Missing ones come from the environment.
    """
    account = account_sid or os.environ.get("TWILIO_ACCOUNT_SID")
    token = _hidden(auth_token or os.environ.get("TWILIO_AUTH_TOKEN"))
    key = api_key or os.environ.get("TWILIO_API_KEY")
    secret = _hidden(api_secret or os.environ.get("TWILIO_API_SECRET"))
    key_given, token_given = bool(api_key or api_secret), bool(account_sid and auth_token)
    if key and secret and (key_given or not token_given):
        user, password, kind = key, secret, "API secret"
        given = {"api_key": bool(api_key), "api_secret": bool(api_secret)}
    elif account and token and not key_given:
        user, password, kind = account, token, "auth token"
        given = {"account_sid": bool(account_sid), "auth_token": bool(auth_token)}
    else:
        raise ConfigurationError(
            "no credentials: give account_sid and auth_token, or api_key and api_secret, or set "
            "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or TWILIO_API_KEY and TWILIO_API_SECRET"
        )
    if not _USER.fullmatch(user):
        raise ConfigurationError("an account or API key sid must be visible ASCII without a colon")
    if not _VISIBLE.fullmatch(password):
        raise ConfigurationError("an auth token or API secret must be visible ASCII")
    return user, password, f"{_masked(user)} with its {kind}, from {_sources(given)}"


def _told_of(credentials: Credentials | ClientCredentials) -> tuple[str, str]:
    """Return a name for a client's repr, and what may be told of credentials that change."""
    if isinstance(credentials, ClientCredentials):
        user = credentials.client_id
        return user, f"an access token of {_masked(user)}, from the parameter credentials"
    if not callable(getattr(credentials, "authorization", None)) or not hasattr(credentials, "due"):
        raise ConfigurationError(
            "credentials must have authorization() and due, as aiotask.Credentials tells, or be a "
            "ClientCredentials"
        )
    name = type(credentials).__name__
    return name, f"those of the {name} in the parameter credentials"


def _masked(user: str) -> str:
    # What is no sid may be a secret that was given in its place.
    return f"{user[:4]}…{user[-4:]}" if _SID.fullmatch(user) else "a user that is not a sid"


def _sources(given: dict[str, bool]) -> str:
    """Return where credentials came from: parameters, or variables of the environment."""
    parameters = [name for name, by_parameter in given.items() if by_parameter]
    if len(parameters) == len(given):
        return f"the parameters {' and '.join(parameters)}"
    return " and ".join(
        f"the parameter {name}" if by_parameter else f"TWILIO_{name.upper()}"
        for name, by_parameter in given.items()
    )


def _hidden(text: str | None) -> str | None:
    return SecretText(text) if isinstance(text, str) else text


def _headers(authorization: SecretText | None, user_agent: str | None) -> RequestHeaders:
    try:
        return request_headers(authorization, user_agent)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _timeout(timeout: float | aiohttp.ClientTimeout) -> aiohttp.ClientTimeout:
    if isinstance(timeout, aiohttp.ClientTimeout):
        return timeout
    if type(timeout) not in (int, float) or not timeout > 0:
        raise ConfigurationError(f"timeout must be a number of seconds above 0, not {timeout!r}")
    return aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout / 2, _LONGEST_CONNECT))
