"""Reports of runs: what they tell, what they never show, and how small they stay."""

import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiotask import (
    Client,
    ClientStateError,
    ConnectionLostError,
    OutcomeStream,
    RateLimitError,
    Rejected,
    Report,
    Updated,
)
from aiotask.bulk.journal.postgres import make_tables
from aiotask.bulk.timeline import Durations, Timeline
from aiotask.bulk.watch import Watch
from aiotask.errors import AiotaskError, ServerError
from aiotask.sandbox import Sandbox
from aiotask.taskrouter import WorkspaceContext
from tests.bulk.bench import Bench, rows
from tests.postgres import Postgres
from tests.report_page import ReportPage

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\ud800\u202e"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def finished(outcomes: OutcomeStream[Any]) -> list[Any]:
    async with aclosing(outcomes):
        return [outcome async for outcome in outcomes]


async def test_a_report_tells_what_the_service_saw(
    sandbox: Sandbox, workspace: WorkspaceContext, tmp_path: Path
) -> None:
    wrong: list[Any] = [{"attributes": {}, "priority": -1 - n} for n in range(3)]
    right: list[Any] = [{"attributes": {"n": n}} for n in range(200)]
    outcomes = workspace.tasks.create_many(right + wrong, journal=tmp_path / "import.db")
    report = outcomes.report()
    await finished(outcomes)
    page = ReportPage(report.html())
    counts = {"Created": "200", "Rejected": "3", "all": "203", "in doubt now": "0"}
    assert page.cells("Rows") == counts
    assert page.cells("Pace")["all"] == str(sandbox.requests["POST Tasks"])
    assert page.cells("Durations").keys() == {"50 %", "90 %", "99 %", "99.9 %", "all"}
    settings = page.cells("Settings")
    assert settings["verb"] == "tasks.create"
    assert settings["journal"] == str(tmp_path / "import.db")
    (reason,) = page.table("Rows that were not done, by reason")
    assert reason[:2] == ["Rejected", "3"]
    assert reason[2].startswith("priority: must be 0 to")
    assert reason[3] == "row 201, row 202, row 203"
    assert page.plots == [
        "Rows that have ended, by outcome, over time",
        "Requests a second over time, and the limit that was found",
        "How many requests took how long",
    ]
    assert "None: the run got on all the time." in page.text
    assert "None: no answer was lost." in page.text
    secrets = (sandbox.auth_token, sandbox.api_secret)
    assert not any(secret in page.text for secret in secrets)


@pytest.mark.virtual_time
async def test_a_report_tells_of_refusals_pauses_and_doubts(there: Bench) -> None:
    there.sandbox.faults.share = 0
    for kind in ("before_429", "after_reset", "before_reset", "after_500"):
        there.sandbox.faults.next("POST", "/Tasks", kind)
    outcomes = there.job(rows(40))
    report = outcomes.report()
    await finished(outcomes)
    page = ReportPage(report.html())
    pace = page.cells("Pace")
    assert pace["refused (429)"] == "1"
    assert pace["ConnectionLostError"] == "2"
    assert pace["ServerError"] == "1"
    assert pace["all"] == str(there.sandbox.requests["POST Tasks"])
    assert page.cells("Rows in doubt") == {"found": "2", "not there, sent again": "1"}
    assert "Rows in doubt over time" in page.plots
    assert len(report.watch.doubts) == 3
    assert all(doubt.settled_at > doubt.began_at for doubt in report.watch.doubts)


@pytest.mark.virtual_time
async def test_a_service_that_is_away_makes_a_pause_with_its_reason(there: Bench) -> None:
    there.sandbox.faults.share = 0
    task = await there.tasks.create(attributes={})
    for _ in range(10):
        there.sandbox.faults.next("POST", f"/Tasks/{task.sid}", "before_503")
    outcomes = there.tasks.cancel_many([task.sid], "over")
    report = outcomes.report()
    (told,) = await finished(outcomes)
    assert isinstance(told, Updated)
    (first, *_) = ReportPage(report.html()).table("Pauses")
    assert first[2] == "the run pauses, because nothing gets through"
    assert "503" in first[3]
    assert all(held.ended_at is not None for held in report.watch.pauses)


async def test_a_report_of_a_run_that_was_left_early_tells_what_there_was(
    workspace: WorkspaceContext, tmp_path: Path
) -> None:
    outcomes = workspace.tasks.create_many(rows(500), max_in_flight=5)
    report = outcomes.report()
    async with aclosing(outcomes):
        await anext(outcomes)
    report.write(tmp_path / "run.html")
    page = ReportPage((tmp_path / "run.html").read_text(encoding="utf-8"))
    assert 1 <= int(page.cells("Rows")["Created"]) < 500


async def test_a_report_begins_before_the_first_outcome(workspace: WorkspaceContext) -> None:
    outcomes = workspace.tasks.create_many(rows(3))
    await anext(outcomes)
    with pytest.raises(ClientStateError, match="before the first outcome"):
        outcomes.report()
    await finished(outcomes)


async def test_one_report_tells_of_several_runs(workspace: WorkspaceContext) -> None:
    created = workspace.tasks.create_many(rows(5))
    report = created.report()
    sids = [outcome.sid for outcome in await finished(created)]
    canceled = workspace.tasks.cancel_many(sids, "done")
    assert canceled.report(report) is report
    told = await finished(canceled)
    assert all(isinstance(outcome, Updated) for outcome in told)
    page = ReportPage(report.html())
    assert page.cells("Rows") == {"Created": "5", "Updated": "5", "all": "10", "in doubt now": "0"}
    assert page.cells("Settings")["verb"] == "tasks.cancel"


async def test_nothing_hostile_in_a_row_or_an_answer_is_more_than_text(
    sandbox: Sandbox, client: Client, workspace: WorkspaceContext
) -> None:
    del sandbox, client
    hostile: list[Any] = [{"attributes": {}, "priority": HOSTILE}, {HOSTILE: 1}, HOSTILE]
    outcomes = workspace.tasks.create_many(hostile)
    report = outcomes.report()
    told = await finished(outcomes)
    assert all(isinstance(outcome, Rejected) for outcome in told)
    page = ReportPage(report.html())
    assert "<img src=x" not in page.text
    assert "\x1b" not in page.text
    assert page.text.encode().decode() == page.text


async def test_on_a_shared_journal_a_report_tells_of_every_outcome(
    postgres: Postgres, workspace: WorkspaceContext
) -> None:
    url = postgres.new_database()
    make_tables(url)
    outcomes = workspace.tasks.create_many(rows(30), journal=url, job="load")
    report = outcomes.report()
    await finished(outcomes)
    page = ReportPage(report.html())
    assert page.cells("Rows") == {"Created": "30", "all": "30", "in doubt now": "0"}
    assert page.cells("Settings")["job"] == "load"
    assert page.cells("Pace")["all"] == "30"


def test_a_page_stays_small_whatever_happens() -> None:
    clock, random = Clock(), Random(1)
    watch = Watch(clock)
    watch.see({"verb": "tasks.create", "journal": "x" * 300}, lambda: 57.3, lambda: 12)
    for number in range(100_000):
        clock.now += random.choice([0.001, 0.002, 5.0])
        watch.answered(clock.now - random.expovariate(3))
        watch.end("Created", number, None, None)
        if number % 10 == 0:
            text = "".join(random.choices("abcdefghij <&>\"'", k=400))
            watch.end("Rejected", number, number, ValueError(f"{text} {number}"))
            watch.failed(ConnectionLostError(text))
            watch.failed(RateLimitError("no", status=429, headers={}))
            watch.doubt(number, number, ServerError(text, status=500, headers={}))
            watch.settle(number, "found")
            if (
                held := watch.pause("the run pauses", clock.now - 5, AiotaskError(text))
            ) is not None:
                held.ended_at = clock.now
    text = Report(watch).html()
    assert len(text) < 600_000
    page = ReportPage(text)
    assert page.cells("Rows")["Created"] == "100,000"
    assert page.cells("Rows in doubt") == {"found": "10,000"}
    assert "And 9,900 more." in text  # pauses
    assert "And 9,800 more." in text  # rows in doubt
    reasons = page.table("Rows that were not done, by reason")
    assert sum(int(row[1].replace(",", "")) for row in reasons) == 10_000
    assert len(watch.timeline.slots) <= 240


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_percentile_is_at_most_nine_hundredths_too_high(
    seconds: list[float], share: float
) -> None:
    durations = Durations()
    for each in seconds:
        durations.add(each)
    exact = sorted(seconds)[max(0, -int(-share * len(seconds) // 1) - 1)]
    found = durations.percentile(share)
    assert found <= durations.longest == max(seconds)
    if 1e-4 < exact < 1600:
        assert exact * 0.999 <= found <= exact * 1.0906


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=300))
def test_a_timeline_loses_no_count_and_has_no_more_slots_than_it_may(waits: list[float]) -> None:
    timeline, now = Timeline(10.0, 0.25, 16), 10.0
    for wait in waits:
        now += wait
        timeline.go_on(now).requests += 1
        assert now < timeline.ends_at
    assert sum(slot.requests for slot in timeline.slots) == len(waits)
    assert len(timeline.slots) <= 16


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_no_other(tmp_path: Path) -> None:
    report = Report(Watch(Clock()))
    target = tmp_path / "run.html"
    report.write(target)
    target.chmod(0o640)
    report.write(str(target))
    assert target.stat().st_mode & 0o777 == 0o640
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        report.write(tmp_path / "folder")
    with pytest.raises(FileNotFoundError):
        report.write(tmp_path / "nowhere" / "run.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "run.html"]


def test_without_its_extra_a_report_says_what_to_install() -> None:
    script = """
import sys
sys.modules["matplotlib"] = None
import aiotask
client = aiotask.Client("AC" + "0" * 32, "token")
client.taskrouter.workspace("WS" + "0" * 32).tasks.create_many([]).report()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1].endswith(
        "ConfigurationError: a report needs its extra: pip install 'aiotask[report]'"
    )


def test_a_library_that_reports_nothing_loads_no_plots() -> None:
    script = (
        "import aiotask, sys; aiotask.Client; aiotask.Report; print('matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout == "False\n"
