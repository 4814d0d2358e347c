"""Guard of the console: who may ask for anything at all.

The page shows other people's attributes and may change things, so it answers only this machine's
browser, by the address it was opened with: a loopback name in Host, so that no foreign name leads
here (DNS rebinding); the same in Origin, so that no other page asks; and a random token, so that no
other user of this machine does.
"""

import secrets
from hmac import compare_digest
from ipaddress import ip_address

from aiohttp import web

NAMES = frozenset(["127.0.0.1", "localhost", "[::1]"])

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: with that, browsers send forms with the Origin null.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""The headers of every answer."""


class Guard:
    """Refuses whoever has not been given the URL with the *token*."""

    def __init__(self, token: str | None = None) -> None:
        self.token: str = token or secrets.token_urlsafe(24)

    def refusal(self, request: web.BaseRequest) -> str | None:
        """Return why a request is refused; None admits it."""
        if not _is_of_this_machine(request.remote):
            return "The console answers this machine only."
        host = request.headers.getall("Host", [])
        if len(host) != 1 or not _names_this_server(host[0], request):
            return "The console answers under a name of this machine only, such as 127.0.0.1."
        origins = request.headers.getall("Origin", [])
        if any(origin != f"http://{host[0]}" for origin in origins):
            return "Another page asked."
        if request.method not in ("GET", "HEAD") and not origins:
            return "A change needs an Origin."
        given = request.query.getall("token", [])
        if len(given) != 1 or not compare_digest(given[0].encode(), self.token.encode()):
            return (
                "The token in the URL is missing or wrong: open the URL that the command printed."
            )
        return None


def _is_of_this_machine(remote: str | None) -> bool:
    try:
        return ip_address(remote or "").is_loopback
    except ValueError:
        return False


def _names_this_server(host: str, request: web.BaseRequest) -> bool:
    name, _, port = host.rpartition(":")
    transport = request.transport
    if transport is None:
        return False
    return name in NAMES and port == str(transport.get_extra_info("sockname")[1])
