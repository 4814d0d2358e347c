"""Diagnosis of a connection: what a client finds on its way to the service, and what is wrong."""

import os
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from pathlib import Path
from typing import NamedTuple
from urllib.request import getproxies

from yarl import URL

from aiotask._client import Client
from aiotask.errors import AiotaskError, ConnectionFailedError, StatusError, TLSError
from aiotask.taskrouter import Workspace

# A webhook's max_age and a worker's token bear less than this.
_MOST_OFF = 60.0
_SLOW = 2.0
_SAMPLES = 3
_RATE_HEADERS = ("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "Twilio-Concurrent-Requests")


class Mark(Enum):
    """How a finding is."""

    GOOD = "ok"
    NOTE = "note"
    WRONG = "WRONG"


class Finding(NamedTuple):
    """One line of a diagnosis."""

    subject: str
    mark: Mark
    text: str


class Answers:
    """What the answers to a client's requests show besides their bodies."""

    def __init__(self, client: Client, now: Callable[[], float] = time.time) -> None:
        self.seconds: list[float] = []
        self.headers: Mapping[str, str] = {}
        self.url: str = ""
        self.offset: float | None = None
        self._now = now
        client.hooks.add(on_response=self._answered)

    def _answered(
        self, _: str, url: str, _status: int, seconds: float, /, *, headers: Mapping[str, str]
    ) -> None:
        self.seconds.append(seconds)
        self.headers, self.url = headers, url
        try:
            date = parsedate_to_datetime(headers.get("Date", "")).timestamp()
        except (ValueError, OverflowError):
            return
        # The date has whole seconds, and the answer was on its way meanwhile.
        early, late = self._now() - seconds - date - 1, self._now() - date
        self.offset = 0.0 if early <= 0 <= late else min(early, late, key=abs)


async def examined(client: Client, workspace: str | None) -> list[Finding]:
    """Return the findings of a few reads by an entered client; errors are findings, too."""
    answers = Answers(client)
    error: AiotaskError | None = None
    found: list[Workspace] = []
    try:
        for _ in range(_SAMPLES):
            found = await client.taskrouter.workspaces.list(page_size=1000).all()
    except AiotaskError as failure:
        error = failure
    findings = [_connection(answers, error), *_encryption(answers, error)]
    if answers.seconds:
        findings += [_latency(answers), _clock(answers), _rates(answers)]
    if error is None:
        findings.append(_workspace(found, workspace))
    return findings


def surroundings() -> list[Finding]:
    """Return what the environment says of proxies and authorities."""
    findings = []
    # Of NO_PROXY it has the hosts that are reached without one.
    to_proxies = {name: url for name, url in getproxies().items() if name != "no"}
    proxies = sorted(f"{name} {_without_user(url)}" for name, url in to_proxies.items())
    if proxies:
        told = f"{', '.join(proxies)} in the environment; used only where a client is told to"
        findings.append(Finding("proxy", Mark.NOTE, told))
    else:
        findings.append(Finding("proxy", Mark.GOOD, "none in the environment"))
    for variable, is_right in (("SSL_CERT_FILE", Path.is_file), ("SSL_CERT_DIR", Path.is_dir)):
        if (named := os.environ.get(variable)) is None:
            continue
        right = is_right(Path(named))
        told = f"{variable}={named}" + ("" if right else ", which is not there")
        findings.append(Finding("TLS", Mark.GOOD if right else Mark.WRONG, told))
    return findings


def _connection(answers: Answers, error: AiotaskError | None) -> Finding:
    if error is None:
        return Finding("service", Mark.GOOD, f"{URL(answers.url).origin()} answers")
    told = str(error)
    if isinstance(error, StatusError) and error.status == 401:  # noqa: PLR2004
        told += "; the credentials are wrong, or those of another region"
    elif isinstance(error, ConnectionFailedError) and not isinstance(error, TLSError):
        told += "; is the host right, and does a firewall or a proxy stand between?"
    return Finding("service", Mark.WRONG, told)


def _encryption(answers: Answers, error: AiotaskError | None) -> list[Finding]:
    if isinstance(error, TLSError):
        store = ssl.get_default_verify_paths()
        told = f"no trusted connection; authorities come from {store.cafile or store.capath}"
        return [Finding("TLS", Mark.WRONG, told)]
    if not answers.url:
        return []
    if URL(answers.url).scheme == "https":
        return [Finding("TLS", Mark.GOOD, "the certificate is trusted")]
    return [Finding("TLS", Mark.NOTE, "none: the connection is plain http")]


def _latency(answers: Answers) -> Finding:
    fastest, slowest = min(answers.seconds), max(answers.seconds)
    told = f"{fastest * 1000:.0f} to {slowest * 1000:.0f} ms for {len(answers.seconds)} answers"
    if fastest > _SLOW:
        return Finding("latency", Mark.WRONG, f"{told}: another edge may be nearer")
    return Finding("latency", Mark.GOOD, told)


def _clock(answers: Answers) -> Finding:
    if answers.offset is None:
        return Finding("clock", Mark.NOTE, "the answers have no Date to compare with")
    off = answers.offset
    if abs(off) > _MOST_OFF:
        way = "ahead of" if off > 0 else "behind"
        told = f"this machine's is {abs(off):.0f} s {way} the service's: set it by NTP"
        return Finding("clock", Mark.WRONG, told)
    return Finding("clock", Mark.GOOD, "as the service's, to a second or so")


def _rates(answers: Answers) -> Finding:
    shown = [f"{name} {answers.headers[name]}" for name in _RATE_HEADERS if name in answers.headers]
    return Finding("rate", Mark.GOOD, ", ".join(shown) or "the answers have no header of a rate")


def _workspace(found: list[Workspace], wanted: str | None) -> Finding:
    if wanted is None:
        told = f"none is chosen, of {len(found)}; --workspace or AIOTASK_WORKSPACE does"
        return Finding("workspace", Mark.NOTE, told)
    matching = [each for each in found if wanted in (each.sid, each.friendly_name)]
    if not matching:
        return Finding("workspace", Mark.WRONG, f"{wanted!r} is none of the {len(found)} there are")
    if len(matching) > 1:
        return Finding("workspace", Mark.WRONG, f"{len(matching)} are called {wanted!r}: use a SID")
    return Finding("workspace", Mark.GOOD, f"{matching[0].sid} {matching[0].friendly_name!r}")


def _without_user(url: str) -> str:
    try:
        return str(URL(url).with_user(None))
    except ValueError:
        return "that is no URL"
