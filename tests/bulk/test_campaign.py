"""A bulk creation whose program is killed again and again, amid faults: the campaign, in little."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres import Postgres

pytestmark = pytest.mark.campaign

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
KILL, FLEET = BENCHMARKS / "bench_kill.py", BENCHMARKS / "bench_fleet.py"


def campaign(*options: object, program: Path = KILL) -> None:
    """Run it in processes of its own; it has to be: what is killed must not be this one."""
    words = [sys.executable, str(program), "--check", *map(str, options)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout


def test_thirty_kills_lose_no_row_and_make_none_twice() -> None:
    campaign("--plain", "--kills", 30, "--most-kills", 10, "--jobs", 3, "--rows", 600)


def test_incidents_lose_no_row_and_make_none_twice() -> None:
    campaign("--kills", 4, "--most-kills", 2, "--jobs", 2, "--rows", 120)


@pytest.mark.parametrize(
    "verb",
    [
        "update",
        "cancel",
        "complete",
        "delete",
        "update-workers",
        "delete-workers",
        "upsert",
        "upsert-workflows",
    ],
)
def test_kills_and_incidents_leave_no_row_of_another_verb_undone_or_wrongly_told(verb: str) -> None:
    campaign("--verb", verb, "--kills", 4, "--most-kills", 2, "--jobs", 2, "--rows", 300)


def test_without_a_safeguard_of_the_other_verbs_the_campaign_fails() -> None:
    # Whether others are missed within some jobs depends on what is under way at a kill.
    names = ("lost-is-done", "refused-is-rejected", "once-only", "gone-is-rejected")
    campaign(*(word for name in names for word in ("--ablation", name)))


def test_workers_of_one_journal_that_are_struck_lose_no_row_and_make_none_twice(
    postgres: Postgres,  # noqa: ARG001 - where there is none, it is skipped
) -> None:
    campaign("--kills", 6, "--crashes", 1, "--rows", 1500, "--every", 1, program=FLEET)


def test_without_a_safeguard_the_campaign_fails() -> None:
    campaign("--ablation", "blind-retry", "--ablation", "no-doubt")


def test_without_suspicion_or_events_of_creation_the_campaign_fails() -> None:
    campaign("--ablation", "no-suspicion", "--ablation", "no-created-events")
