"""The names that users may rely on."""

import importlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import aiotask

PUBLIC = {
    "aiotask": """
        AccessError AiotaskError AnswerError Answered AnyOutcome AuthenticationError BadRequestError
        Client ClientCredentials Credentials
        ClientStateError ConfigurationError ConflictError ConnectionFailedError ConnectionLostError
        Counters Created DecodingError Deleted Existing Unchanged Updated
        IncompleteAnswerError Listing NotFoundError NotJsonError
        Outcome OutcomeStream Page Report
        ForeignJournalError InputChangedError JournalAccessError JournalDamagedError JournalError
        JournalFullError JournalIOError JournalLockedError JournalVersionError LeaseTerms
        expression metrics
        PageCycleError PermissionDeniedError PreconditionFailedError ProtocolError RateLimitError
        Rejected RequestTimeoutError ResponseTooLargeError RetryPolicy ServerError StatusError
        SharedJournal TLSError TransportError UnexpectedRedirectError Unresolved
        UnsafeNextPageError Worker __version__ autopilot blueprint bulk engines errors sandbox
        taskrouter to_dict webhooks worker_token
    """,
    "aiotask.errors": """
        AccessError AiotaskError AnswerError AuthenticationError BadRequestError ClientStateError
        ConfigurationError ConflictError ConnectionFailedError ConnectionLostError DecodingError
        ForeignJournalError InputChangedError JournalAccessError JournalDamagedError JournalError
        JournalFullError JournalIOError JournalLockedError JournalVersionError
        IncompleteAnswerError NotFoundError NotJsonError PageCycleError PermissionDeniedError
        PreconditionFailedError ProtocolError RateLimitError RequestTimeoutError
        ResponseTooLargeError ServerError StatusError TLSError TransportError
        UnexpectedRedirectError UnsafeNextPageError
    """,
    "aiotask.taskrouter": """
        Activities Activity ActivityChanges ActivityCount ActivityDuration ActivityFilter
        BulkRealTimeStatistics ChannelFilter ConferenceFields CumulativeStatistics DefaultFilter
        Event EventFilter EventTail EventTailFilter Events FilterTarget NewActivity NewTask
        NewTaskChannel NewTaskQueue NewWorker NewWorkflow NewWorkspace RealTimeStatistics
        Reservation ReservationChanges ReservationFilter ReservationStatus RoutingFilter
        Statistics StatisticsWindow Task
        TaskChanges TaskChannel TaskChannelChanges TaskChannels TaskFilter TaskContext TaskQueue
        TaskQueueBulkRealTimeStatistics TaskQueueChanges TaskQueueCumulativeStatistics
        TaskQueueFilter TaskQueueContext TaskQueueRealTimeStatistics TaskQueueStatistics
        TaskQueues TaskQueuesStatistics TaskQueuesStatisticsFilter TaskQueuesStatisticsList
        TaskReservationChanges TaskReservationFilter TaskReservations TaskRouter TaskStatus
        TaskUpdateRow TaskWindow Tasks WaitDuration WaitTimeCounts WaitTimeSplit Worker
        WorkerChanges
        WorkerChannel WorkerChannelChanges WorkerChannels WorkerFilter WorkerContext
        WorkerReservations WorkerStatistics WorkerStatisticsContext WorkerUpdateRow Workers
        WorkersCumulativeStatistics WorkersCumulativeStatisticsContext WorkersRealTimeStatistics
        WorkersStatistics WorkersStatisticsFilter WorkersStatisticsContext Workflow
        WorkflowChanges WorkflowConfiguration WorkflowCumulativeStatistics WorkflowFilter
        WorkflowContext WorkflowRealTimeStatistics WorkflowStatistics Workflows Workspace
        WorkspaceChanges WorkspaceCumulativeStatistics WorkspaceFilter WorkspaceContext
        WorkspaceRealTimeStatistics WorkspaceStatistics Workspaces
    """,
    "aiotask.autopilot": """
        AssistantContext Autopilot AutopilotTask AutopilotTaskChanges AutopilotTasks
        NewAutopilotTask
    """,
    "aiotask.bulk": """
        AnyOutcome Audit Copy Created Deleted Destination Done Entry Existing Failed Finding Found
        Item JOB_ATTRIBUTE JournalSummary KEY_ATTRIBUTE Keys LeaseTerms Lookup Operation Outcome
        OutcomeStream ROW_ATTRIBUTE Rejected Report Run Scope Settings SharedJournal SharedRun
        Source State Unchanged Unresolved Updated add_rows audit checked_key entries_of is_shared
        open_journal place_of read_summary source_of
    """,
    "aiotask.blueprint": "BlueprintError Change Plan apply diff export plan",
    "aiotask.expression": "literal",
    "aiotask.metrics": "instrument",
    "aiotask.webhooks": """
        AssignmentCallback CallFields CallbackError ConferenceFields DequeueFields
        EventCallback Instruction RedirectFields RejectFields SignatureVerifier accept call
        conference dequeue parse_assignment parse_event parse_events redirect reject
    """,
    "aiotask.webhooks.aiohttp": "ASSIGNMENT EVENTS callback_middleware",
    "aiotask.webhooks.asgi": "ASSIGNMENT EVENTS CallbackMiddleware",
    "aiotask.console": "Console SANDBOX_RATE SERVICE_RATE",
    "aiotask.sandbox": """
        Beside ContentsError DebuggerEntry Exchange FAULT_KINDS FaultKind Faults Outlook Post
        Prospect Sandbox SandboxSettings StoreError StoredTask ThreadedSandbox
    """,
}


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_these_and_there(module: str) -> None:
    names = importlib.import_module(module).__all__
    assert sorted(names) == sorted(PUBLIC[module].split())
    assert all(hasattr(importlib.import_module(module), name) for name in names)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_thing_has_a_docstring(module: str) -> None:
    public = importlib.import_module(module)
    for name in public.__all__:
        thing = getattr(public, name)
        if isinstance(thing, type) and thing.__module__.startswith("aiotask"):
            members = [getattr(thing, member) for member in vars(thing) if member[0] != "_"]
            methods = [member for member in members if callable(member)]
            assert all(one.__doc__ for one in (thing, *methods)), name


def test_every_public_part_is_there_once_aiotask_is_imported() -> None:
    folder = Path(aiotask.__file__).parent
    parts = {path.name.partition(".")[0] for path in folder.iterdir() if path.name[0] not in "_."}
    # The command line, the console and the plugin are for others to load, and the guide is not
    # installed.
    parts -= {"README", "cli", "console", "guide", "pytest_plugin", "py"}
    assert parts <= set(dir(aiotask))
    script = "import aiotask; " + "; ".join(f"aiotask.{part}.__doc__.strip()" for part in parts)
    assert {f"aiotask.{part}" for part in parts} <= loaded_by(script)


def loaded_by(script: str) -> set[str]:
    command = [sys.executable, "-c", f"{script}; import sys; print(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_the_library_brings_in_neither_the_sandbox_nor_the_command_line() -> None:
    loaded = loaded_by("from aiotask import Client")
    assert not {"aiotask.sandbox", "aiotask.cli", "click", "rich", "aiohttp.web"} & loaded


def test_a_command_is_loaded_when_it_is_named() -> None:
    named = "import click; from aiotask.cli import main; context = click.Context(main)"
    parts = {"sandbox", "console", "blueprint", "cli.commands.demo", "cli.commands.import_"}
    of_others = {"yaml", "jinja2", *(f"aiotask.{part}" for part in parts)}
    loaded = loaded_by(f"{named}; main.get_command(context, 'tasks')")
    assert "aiotask.cli.commands.tasks" in loaded
    assert not of_others & loaded
    assert of_others <= loaded_by(f"{named}; main.list_commands(context)")


@pytest.mark.parametrize("module", ["aiotask", "aiotask.pytest_plugin"])
def test_what_is_not_used_is_not_loaded(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert not {"aiotask._client", "aiotask.sandbox", "aiohttp", "attrs", "tenacity"} & loaded


def test_the_sandbox_does_not_load_the_client() -> None:
    assert not {"aiotask._client", "tenacity", "cattrs"} & loaded_by("import aiotask.sandbox")


@pytest.mark.parametrize("script", ["import aiotask.sandbox", "from aiotask import sandbox"])
def test_without_its_extra_the_sandbox_says_in_a_sentence_what_to_install(script: str) -> None:
    hidden = "import sys; sys.modules['sortedcontainers'] = None"
    command = [sys.executable, "-c", f"{hidden}; {script}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: aiotask.sandbox needs its extra: pip install 'aiotask[sandbox]'"
    )
    assert "During handling" not in done.stderr


def test_without_its_extra_the_console_says_in_a_sentence_what_to_install() -> None:
    script = "import sys; sys.modules['jinja2'] = None; import aiotask.console"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: aiotask.console needs its extra: pip install 'aiotask[console]'"
    )


@pytest.mark.skipif(find_spec("pyright") is None, reason="pyright is not installed")
def test_every_public_thing_has_a_type(tmp_path: Path) -> None:
    options = ["--verifytypes", "aiotask", "--ignoreexternal", "--outputjson"]
    # As a user does: in another folder, and with this Python as the first one to be found.
    first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "pyright", *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": first},
    )
    found = json.loads(done.stdout)["typeCompleteness"]
    untyped = [each["name"] for each in found["symbols"] if not each["isTypeKnown"]]
    assert untyped == []
    assert found["completenessScore"] == 1


def test_the_client_does_not_need_the_extra_of_the_sandbox() -> None:
    script = "import sys; sys.modules['sortedcontainers'] = None; from aiotask import Client"
    script += "; from aiotask.taskrouter import *; import aiotask.webhooks, aiotask.bulk"
    assert "aiotask._client" in loaded_by(script)
