"""Signatures: documented vectors, every part of a request, and hostile ones."""

import base64
import copy
import hmac
import pickle
import traceback
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from aiotask.errors import ConfigurationError
from aiotask.webhooks import CallbackError, SignatureVerifier

TOKEN = "0123456789abcdef0123456789abcdef"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
URL = "https://example.com/twilio?foo=1&bar=2"
BODY = b"EventType=task.created&TaskSid=WT1"

DOCUMENTED = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}


@pytest.fixture
def verifier() -> SignatureVerifier:
    return SignatureVerifier(TOKEN)


def by_hand(text: str, token: str = TOKEN) -> str:
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def with_hash(body: bytes, url: str = URL) -> str:
    return f"{url}&bodySHA256={sha256(body).hexdigest()}"


@pytest.mark.parametrize("backwards", [False, True])
def test_the_form_of_twilios_documentation_has_the_signature_given_there(backwards: bool) -> None:  # noqa: FBT001
    pairs = sorted(DOCUMENTED.items(), reverse=backwards)
    body = urlencode(pairs).encode()
    verifier = SignatureVerifier("12345")
    url = "https://example.com/myapp.php?foo=1&bar=2"
    assert verifier.sign(url, body) == "L/OH5YylLD5NRKLltdqwSvS0BnU="
    assert verifier.verify(url, body, "L/OH5YylLD5NRKLltdqwSvS0BnU=", content_type=FORM)


def test_the_form_of_twilios_own_tests_has_the_signature_given_there() -> None:
    parameters = DOCUMENTED | {"Caller": "+14158675309", "From": "+14158675309"}
    body = urlencode(parameters).encode()
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert SignatureVerifier("12345").verify(url, body, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")


def test_the_json_of_twilios_documentation_has_the_hash_given_there(
    verifier: SignatureVerifier,
) -> None:
    stated = "5ccde7145dfb8f56479710896586cb9d5911809d83afbe34627818790db0aec9"
    url = f"https://example.com/myapp?bodySHA256={stated}"
    body = b'{"CallSid":"CA1234567890ABCDE","Caller":"+12349013030"}'
    assert verifier.verify(url, body, by_hand(url), content_type=JSON)
    assert not verifier.verify(url, body + b" ", by_hand(url), content_type=JSON)


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (b"", ""),
        (b"a=1", "a1"),
        (b"a=", "a"),
        (b"a", "a"),
        (b"b=2&a=1", "a1b2"),
        (b"a=2&a=1&a=2", "a1a2"),
        (b"a=b+c%2Bd", "ab c+d"),
        (b"a=%C3%A9%F0%9F%93%87&Z=1", "Z1aé📇"),
        ("a=é".encode(), "aé"),
        (b"a=%7B%22x%22%3A1%7D", 'a{"x":1}'),
        (b"a=1&&b=2", "a1b2"),
        (b"a=x%00y%0D%0A", "ax\0y\r\n"),
    ],
)
def test_a_form_is_signed_by_its_sorted_decoded_names_and_values(
    verifier: SignatureVerifier, body: bytes, signed: str
) -> None:
    assert verifier.sign(URL, body) == by_hand(URL + signed)
    assert verifier.verify(URL, body, by_hand(URL + signed))


@pytest.mark.parametrize("content_type", [None, FORM, JSON, "application/octet-stream"])
def test_a_get_is_signed_by_its_url_alone(
    verifier: SignatureVerifier, content_type: str | None
) -> None:
    assert verifier.verify(URL, b"", by_hand(URL), content_type=content_type)


@pytest.mark.parametrize("content_type", [f"{FORM}; charset=UTF-8", FORM.upper(), f" {FORM} "])
def test_a_form_is_known_by_its_content_type_however_it_is_written(
    verifier: SignatureVerifier, content_type: str
) -> None:
    signature = verifier.sign(URL, BODY, content_type=content_type)
    assert signature == by_hand(f"{URL}EventTypetask.createdTaskSidWT1")


@pytest.mark.parametrize("content_type", [None, JSON, "application/json; charset=utf-8", ""])
def test_the_hash_of_a_json_body_may_be_upper_or_lower_case(
    verifier: SignatureVerifier, content_type: str | None
) -> None:
    for stated in (sha256(b"{}").hexdigest(), sha256(b"{}").hexdigest().upper()):
        url = f"https://example.com/twilio?bodySHA256={stated}"
        assert verifier.verify(url, b"{}", by_hand(url), content_type=content_type)
        assert verifier.sign(url, b"{}", content_type=content_type) == by_hand(url)
        assert not verifier.verify(url, b"[]", by_hand(url), content_type=content_type)
        assert not verifier.verify(url, b"", by_hand(url), content_type=content_type)


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"{URL}&bodySHA256=",
        f"{URL}&bodysha256=abc",
        f"{URL}#?bodySHA256=abc",
        f"{URL}&bodySHA256=é",
    ],
)
def test_a_body_that_nothing_vouches_for_is_not_twilios(
    verifier: SignatureVerifier, url: str
) -> None:
    assert not verifier.verify(url, b"{}", by_hand(url), content_type=JSON)
    with pytest.raises(ValueError, match="bodySHA256"):
        verifier.sign(url, b"{}", content_type=JSON)


@pytest.mark.parametrize(
    ("seen", "signed"),
    [
        ("https://example.com/x", "https://example.com:443/x"),
        ("https://example.com:443/x", "https://example.com/x"),
        ("https://example.com:8443/x", "https://example.com/x"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("http://example.com/x", "http://example.com:80/x"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com?a:b@c=1", "https://example.com:443?a:b@c=1"),
        ("https://[::1]/x", "https://[::1]:443/x"),
        ("https://[::1]:8443/x", "https://[::1]/x"),
        ("https://me:secret@example.com/x", "https://example.com/x"),
        ("https://me:secret@example.com/x", "https://example.com:443/x"),
        ("https://me:secret@example.com:8443/x", "https://example.com:8443/x"),
        ("https://me:secret@example.com:8443/x", "https://example.com/x"),
        ("https://me:secret@example.com/x", "https://me:secret@example.com/x"),
        ("https://me:secret@example.com/x", "https://me:secret@example.com:443/x"),
        ("HTTPS://Example.com/x", "HTTPS://Example.com:443/x"),
    ],
)
def test_a_url_counts_with_and_without_port_and_user(
    verifier: SignatureVerifier, seen: str, signed: str
) -> None:
    assert verifier.verify(seen, b"a=1", by_hand(f"{signed}a1"))


@pytest.mark.parametrize(
    ("given_url", "signed"),
    [
        ("https://example.com/x", "https://example.com/x"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("https://me:secret@example.com:8443/x", "https://example.com:8443/x"),
    ],
)
def test_it_signs_as_documented_with_the_port_and_without_the_user(
    verifier: SignatureVerifier, given_url: str, signed: str
) -> None:
    assert verifier.sign(given_url) == by_hand(signed)


@pytest.mark.parametrize(
    "other",
    [
        "https://example.com/twilio",
        "http://example.com/twilio?foo=1&bar=2",
        "https://example.com:444/twilio?foo=1&bar=2",
        "https://evil.example.com/twilio?foo=1&bar=2",
        "https://example.com/twilio?foo=1&bar=2&baz=3",
        "https://example.com/Twilio?foo=1&bar=2",
    ],
)
def test_a_signature_is_good_for_one_url_only(verifier: SignatureVerifier, other: str) -> None:
    assert not verifier.verify(other, BODY, by_hand(f"{URL}EventTypetask.createdTaskSidWT1x"))
    assert verifier.verify(other, BODY, verifier.sign(URL, BODY)) is (":444" in other)


UNREADABLE_URLS = [
    "",
    "/twilio",
    "example.com/twilio",
    "https://",
    "https:///x",
    "https://example.com:port/x",
    "https://example.com:1:2/x",
    "https://[::1/x",
    "https://a]b/x",
    "ftp://example.com/",
    "https:example.com",
    "\0",
]


@pytest.mark.parametrize("url", UNREADABLE_URLS)
def test_what_is_no_absolute_url_was_not_signed(verifier: SignatureVerifier, url: str) -> None:
    assert not verifier.verify(url, b"", by_hand(url))
    with pytest.raises(ValueError, match=r"^url: must be absolute"):
        verifier.sign(url)


@pytest.mark.parametrize(
    "signature",
    [None, "", "x", "é" * 28, "\udcff", "=" * 10_000, by_hand(URL)[:-1], f" {by_hand(URL)}"],
)
def test_a_signature_that_is_missing_or_malformed_is_false(
    verifier: SignatureVerifier, signature: str | None
) -> None:
    assert not verifier.verify(URL, b"", signature)


@pytest.mark.parametrize(
    "body", [b"\xff", b"a=%FF", b"a=%ED%A0%80", b"a=1&" * 1001, b"a" * (2**20 + 1)]
)
def test_a_body_that_is_no_form_is_false_and_cannot_be_signed(
    verifier: SignatureVerifier, body: bytes
) -> None:
    assert not verifier.verify(URL, body, by_hand(URL), content_type=FORM)
    with pytest.raises(CallbackError):
        verifier.sign(URL, body)


def test_a_body_longer_than_the_limit_is_false() -> None:
    verifier = SignatureVerifier(TOKEN, max_body=10)
    for body, expected in ((b"a=12345678", True), (b"a=123456789", False)):
        signature = by_hand(f"{URL}a{body[2:].decode()}")
        assert verifier.verify(URL, body, signature) is expected
        json_signature = by_hand(with_hash(body))
        assert verifier.verify(with_hash(body), body, json_signature) is expected


def test_surrogates_of_bytes_that_are_no_text_are_no_error(verifier: SignatureVerifier) -> None:
    assert not verifier.verify("https://example.com/\udcff", b"", by_hand(URL))
    assert not verifier.verify(f"{URL}&bodySHA256=\udcff", b"{}", by_hand(URL))


def test_arguments_of_another_type_are_the_callers_mistake(verifier: SignatureVerifier) -> None:
    with pytest.raises(TypeError, match=r"^body: must be the bytes as they came, not str$"):
        verifier.verify(URL, "a=1", by_hand(URL))  # type: ignore[arg-type]  # that is the test
    with pytest.raises(TypeError, match=r"^url: must be the text that Twilio has, not int$"):
        verifier.verify(1, b"", by_hand(URL))  # type: ignore[arg-type]  # that is the test


def test_either_of_two_tokens_counts_and_the_first_one_signs() -> None:
    both = SignatureVerifier("primary", "secondary")
    for token in ("primary", "secondary"):
        assert both.verify(URL, BODY, SignatureVerifier(token).sign(URL, BODY))
    assert not both.verify(URL, BODY, SignatureVerifier("other").sign(URL, BODY))
    assert both.sign(URL) == by_hand(URL, "primary")


@pytest.mark.parametrize("tokens", [(), ("",), ("a b",), ("tokén",), (TOKEN, "\n"), (TOKEN, None)])
def test_what_cannot_be_a_token_is_refused_and_not_shown(tokens: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="needs an auth token") as caught:
        SignatureVerifier(*tokens)
    shown = "".join(
        traceback.TracebackException.from_exception(
            caught.value.with_traceback(caught.tb.tb_next), capture_locals=True
        ).format()
    )
    assert "auth_tokens" not in shown
    assert TOKEN not in shown


def test_the_token_is_shown_nowhere_and_goes_nowhere(verifier: SignatureVerifier) -> None:
    holders = [verifier, *vars(verifier).values(), *verifier._keyed]
    assert TOKEN not in "".join(
        repr(vars(one) if hasattr(one, "__dict__") else one) for one in holders
    )
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="it holds credentials"):
            duplicate(verifier)
