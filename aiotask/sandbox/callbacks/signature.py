"""The header by which a receiver knows a callback for the account's: X-Twilio-Signature."""

import hmac
from base64 import b64encode
from collections.abc import Mapping

from yarl import URL


def address(text: str) -> URL:
    """Return where a configured URL leads; what is visible ASCII goes out as it was written.

    A fragment is neither sent nor signed.
    """
    written = text.partition("#")[0]
    return URL(written, encoded=written.isascii() and written.isprintable() and " " not in written)


def sign(auth_token: str, url: URL, form: Mapping[str, str]) -> str:
    """Return the signature of a form that is posted to *url*, without user and password."""
    text = f"{url.origin()}{url.raw_path_qs}"
    text += "".join(name + form[name] for name in sorted(form))
    # The scheme is the service's; SHA-1 is not broken in an HMAC.
    return b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()
