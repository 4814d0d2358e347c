"""Signatures of Twilio's requests, which only a holder of the auth token can make.

The scheme is that of https://www.twilio.com/docs/usage/security.
"""

import base64
import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import NoReturn
from urllib.parse import parse_qsl

from aiotask.errors import ConfigurationError
from aiotask.webhooks._body import MAX_BODY, CallbackError, form_pairs, within

_FORM = "application/x-www-form-urlencoded"
_HASH = "bodySHA256"
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<user>[^/?#]*@)?"
    r"(?P<host>\[[^]/?#@]*\]|[^]\[:/?#@]+)(?::(?P<port>[0-9]*))?(?P<rest>[/?#].*)?",
    re.IGNORECASE | re.DOTALL,
)


class SignatureVerifier:
    """Verifies the ``X-Twilio-Signature`` of requests.

    *auth_tokens* are tokens of the account, or subaccount, that owns the workspace; an API key's
    secret signs nothing. While a token is replaced, give the primary and the secondary: a
    signature by either is accepted. A body of more than *max_body* bytes is never Twilio's.

    The tokens cannot be read back from a verifier: it keeps only hash states made with them.
    """

    def __init__(self, *auth_tokens: str, max_body: int = MAX_BODY) -> None:
        if not auth_tokens or not all(map(_usable, auth_tokens)):
            del auth_tokens  # so that a traceback with locals has none
            raise ConfigurationError("a verifier needs an auth token, which is visible ASCII")
        # The service signs with HMAC-SHA1, which is not broken as SHA-1 is.
        self._keyed = [hmac.new(one.encode(), digestmod="sha1") for one in auth_tokens]
        self._max_body = max_body

    @property
    def max_body(self) -> int:
        """The longest body, in bytes, that may be Twilio's."""
        return self._max_body

    def __reduce__(self) -> NoReturn:
        raise TypeError("a verifier does not pickle or copy: it holds credentials")

    def verify(
        self, url: str, body: bytes, signature: str | None, *, content_type: str | None = None
    ) -> bool:
        """Whether *signature* is Twilio's for this request; no request raises an error.

        *url* is the one that Twilio was given, query and all, character for character. A service
        behind a proxy sees another one, so put it together from the public origin::

            verifier.verify("https://hooks.example.com" + request.raw_path, body, signature)

        It may have its default port or not, and user and password or not: the service is not
        consistent about ports, and does not sign user and password.

        *body* is the body as received, byte for byte; a GET has ``b""``. *signature* is the
        header, or None without one. *content_type* is the header too: of a form the fields are
        signed, of anything else the hash ``bodySHA256`` in the URL, without which only an empty
        body can be Twilio's. Without *content_type* the presence of that hash decides.

        A signature stays valid for ever, and the service may send a callback more than once:
        remember sids to act once.
        """
        if signature is None or not signature.isascii():
            return False
        try:
            signed = self._signed_text(url, body, content_type)
        except CallbackError:
            return False
        urls = _spellings(url)
        # A list, not a generator: the time taken must not show which one matched.
        matches = [
            hmac.compare_digest(_signature(key, one + signed), signature)
            for key in self._keyed
            for one in urls
        ]
        return any(matches)

    def sign(self, url: str, body: bytes = b"", *, content_type: str | None = None) -> str:
        """Return the signature by the first token, for tests and stand-ins of the service.

        The parameters are those of :meth:`verify`. A request that Twilio cannot send (no absolute
        URL, a body that is no form, a missing or wrong ``bodySHA256``) is a ValueError.
        """
        urls = _spellings(url)
        if not urls:
            raise ValueError("url: must be absolute, with http or https")
        signed = self._signed_text(url, body, content_type)
        return _signature(self._keyed[0], urls[0] + signed)

    def _signed_text(self, url: str, body: bytes, content_type: str | None) -> str:
        """Return the signed text after the URL; a CallbackError if it does not cover *body*."""
        if not isinstance(url, str):
            raise TypeError(f"url: must be the text that Twilio has, not {type(url).__name__}")
        query = url.partition("#")[0].partition("?")[2]
        stated = next((value for name, value in parse_qsl(query) if name == _HASH), None)
        if content_type is None:
            is_form = stated is None
        else:
            is_form = content_type.partition(";")[0].strip().lower() == _FORM
        if is_form:
            # Of a repeated name every value counts once; all are sorted, values of one name too.
            return _joined(sorted(set(form_pairs(body, self._max_body))))
        found = sha256(within(body, self._max_body)).hexdigest()
        wanted = "" if stated is None else stated.lower()
        intact = hmac.compare_digest(_bytes(wanted), found.encode())
        if not intact and (stated is not None or body):
            raise CallbackError(f"the body is not the one whose {_HASH} is in the URL")
        return ""


def _usable(token: object) -> bool:
    return isinstance(token, str) and re.fullmatch("[!-~]+", token) is not None


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(name + value for name, value in pairs)


def _signature(keyed: hmac.HMAC, text: str) -> str:
    code = keyed.copy()
    code.update(_bytes(text))
    return base64.b64encode(code.digest()).decode()


def _bytes(text: str) -> bytes:
    # A surrogate, which stands for a byte that is not UTF-8, must not raise an error.
    return text.encode("utf-8", "surrogatepass")


def _spellings(url: str) -> list[str]:
    """Return *url* in the forms that may have been signed, or none if it is not http(s).

    The first is the documented one: without user and password, the port as it is.
    """
    found = _URL.fullmatch(url)
    if found is None:
        return []
    scheme, user, host, port, rest = found.groups("")
    default = _DEFAULT_PORTS[scheme.lower()]
    ports = [f":{port}", ""] if port else ["", f":{default}"]
    users = ["", user] if user else [""]
    return [f"{scheme}://{login}{host}{where}{rest}" for login in users for where in ports]
