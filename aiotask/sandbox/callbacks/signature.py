"""Callback signatures: X-Twilio-Signature."""

import hmac
from base64 import b64encode
from collections.abc import Mapping

from yarl import URL


def address(text: str) -> URL:
    """Return the URL of a request to a configured URL, without the fragment."""
    # Receivers compute the signature from the URL as they configured it, so yarl must not
    # normalize one that can be sent unchanged.
    written = text.partition("#")[0]
    return URL(written, encoded=written.isascii() and written.isprintable() and " " not in written)


def sign(auth_token: str, url: URL, form: Mapping[str, str]) -> str:
    """Return the signature of a form posted to *url*; user and password are not signed."""
    text = f"{url.origin()}{url.raw_path_qs}"
    text += "".join(name + form[name] for name in sorted(form))
    # SHA-1 is the service's choice, and still safe in an HMAC.
    return b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()
