"""Signatures over random requests, held against twilio's own validator and against noise."""

import re
from hashlib import sha256
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from aiotask.webhooks import CallbackError, SignatureVerifier

TOKEN = "0123456789abcdef0123456789abcdef"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
HOSTS = st.sampled_from(["example.com", "hooks.example.co.uk", "10.0.0.1", "localhost"])
PORTS = st.one_of(st.just(""), st.integers(1, 65535).map(lambda port: f":{port}"))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
PATHS = st.one_of(st.just(""), TEXTS.map(lambda text: f"/{quote(text)}"))
QUERIES = st.one_of(
    st.just(""), st.lists(st.tuples(TEXTS, TEXTS), min_size=1).map(lambda q: f"?{urlencode(q)}")
)
URLS = st.builds(
    "{}://{}{}{}{}".format, st.sampled_from(["http", "https"]), HOSTS, PORTS, PATHS, QUERIES
).filter(lambda url: not url.endswith("?"))
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=6)


@given(url=URLS, pairs=PAIRS)
def test_forms_are_signed_as_by_twilios_validator(url: str, pairs: list[tuple[str, str]]) -> None:
    verifier, validator = SignatureVerifier(TOKEN), RequestValidator(TOKEN)
    body, parameters = urlencode(pairs).encode(), MultiDict(pairs)
    assert verifier.sign(url, body) == validator.compute_signature(url, parameters)
    assert validator.validate(url, parameters, verifier.sign(url, body))


@given(seen=URLS, signed=URLS, pairs=PAIRS, others=PAIRS, same=st.booleans())
def test_forms_are_verified_as_by_twilios_validator(
    seen: str,
    signed: str,
    pairs: list[tuple[str, str]],
    others: list[tuple[str, str]],
    same: bool,  # noqa: FBT001
) -> None:
    verifier, validator = SignatureVerifier(TOKEN), RequestValidator(TOKEN)
    if same:  # but for the port
        seen, pairs = re.sub(r":[0-9]+", "", signed, count=1), others
    signature = validator.compute_signature(signed, MultiDict(others))
    expected = validator.validate(seen, MultiDict(pairs), signature)
    assert verifier.verify(seen, urlencode(pairs).encode(), signature) is expected


@given(url=URLS, text=TEXTS, other=TEXTS)
def test_json_is_verified_as_by_twilios_validator(url: str, text: str, other: str) -> None:
    verifier, validator = SignatureVerifier(TOKEN), RequestValidator(TOKEN)
    mark = "&" if "?" in url else "?"
    url = f"{url}{mark}bodySHA256={sha256(text.encode()).hexdigest()}"
    signature = validator.compute_signature(url, {})
    for body in (text, other):
        expected = validator.validate(url, body, signature)
        found = verifier.verify(url, body.encode(), signature, content_type=JSON)
        assert found is expected


@given(
    url=st.one_of(st.text(), st.text().map("https://{}".format)),
    body=st.binary(),
    signature=st.one_of(st.none(), st.text()),
    content_type=st.one_of(st.none(), st.sampled_from([FORM, JSON]), st.text()),
)
def test_no_request_is_an_error(
    url: str, body: bytes, signature: str | None, content_type: str | None
) -> None:
    verifier = SignatureVerifier(TOKEN)
    assert verifier.verify(url, body, signature, content_type=content_type) is False


@given(url=URLS, body=st.binary(), content_type=st.sampled_from([None, FORM, JSON]))
def test_what_can_be_signed_is_verified_and_nothing_else_is(
    url: str, body: bytes, content_type: str | None
) -> None:
    verifier = SignatureVerifier(TOKEN)
    try:
        signature = verifier.sign(url, body, content_type=content_type)
    except CallbackError:
        of_the_url = RequestValidator(TOKEN).compute_signature(url, {})
        assert not verifier.verify(url, body, of_the_url, content_type=content_type)
    else:
        assert verifier.verify(url, body, signature, content_type=content_type)
        assert not verifier.verify(url, body, signature.swapcase(), content_type=content_type)
