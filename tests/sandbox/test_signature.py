import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from aiotask.sandbox.callbacks.signature import address, sign
from aiotask.webhooks import SignatureVerifier

TOKEN = "0123456789abcdef"
URLS = [
    "https://hooks.example.com/events",
    "http://127.0.0.1:8080/a%20b?x=%2F&y=+&x",
    "https://hooks.example.com:8443",
    "https://[::1]:8443/%C3%A9//b/../c;d",
]
texts = st.text(st.characters(codec="utf-8"))


@given(st.sampled_from(URLS), st.dictionaries(texts.filter(bool), texts, min_size=1))
def test_a_signature_is_what_twilios_library_and_ours_expect(
    url: str, form: dict[str, str]
) -> None:
    signature = sign(TOKEN, address(url), form)
    sent = str(address(url).with_path("/") if url.endswith(":8443") else url)
    assert RequestValidator(TOKEN).validate(sent, form, signature)
    assert sign("another", address(url), form) != signature


@pytest.mark.parametrize(
    ("written", "signed"),
    [
        ("https://ada:secret@h.example/p?q=1#rc=2", "https://h.example/p?q=1"),
        ("https://h.example:443/p", "https://h.example/p"),
        ("https://h.example", "https://h.example/"),
        ("https://h.example?q=1", "https://h.example/?q=1"),
        ("https://h.example/a b/é", "https://h.example/a%20b/%C3%A9"),
        ("https://h.example/%7Ea?b=%7e", "https://h.example/%7Ea?b=%7e"),
    ],
)
def test_what_is_signed_is_the_url_as_it_is_asked_for(written: str, signed: str) -> None:
    signature = sign(TOKEN, address(written), {"B": "2", "A": "1"})
    assert SignatureVerifier(TOKEN).verify(signed, b"A=1&B=2", signature)


@pytest.mark.parametrize("written", ["", "hooks", "/events", "//h.example/", "mailto:a@b"])
def test_a_url_that_leads_nowhere_cannot_be_signed(written: str) -> None:
    with pytest.raises(ValueError, match="should"):
        sign(TOKEN, address(written), {})
