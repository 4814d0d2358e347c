"""Results files that other imports write, or have left behind."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiotask.cli.importing.part_file import PartFile
from tests.cli.commands import LONG, Service, lines, outcomes, service, wait_until
from tests.cli.jobs import Job

# In a container, the first process has the number 1 each time.
CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]


def has_containers() -> bool:
    try:
        return not subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False


needs_containers = pytest.mark.skipif(not has_containers(), reason="processes cannot be put apart")


@pytest.fixture
def local() -> Iterator[Service]:
    with service() as local:
        yield local


def contained(local: Service, job: Job) -> "subprocess.Popen[bytes]":
    """Import from a pipe, in a container and without a journal."""
    words = ["tasks", "import", "-", "--results", str(job.results), *local.options]
    return subprocess.Popen(
        [*CONTAINER, sys.executable, "-m", "aiotask", *words],
        env={**os.environ, **local.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def feed(running: "subprocess.Popen[bytes]", text: str) -> None:
    assert running.stdin is not None
    running.stdin.write(text.encode())
    running.stdin.flush()


@pytest.mark.parametrize("journaled", [False, True])
def test_a_part_that_a_process_of_the_same_number_left_is_replaced(
    local: Service, tmp_path: Path, *, journaled: bool
) -> None:
    job = Job(tmp_path, lines(3))
    part = job.results.with_name(f"results.jsonl.{os.getpid()}.part")
    part.write_text("left behind\n" * 100)
    words = ["tasks", "import", str(job.file), "--results", str(job.results)]
    words += ["--journal", str(job.journal)] if journaled else []
    result = local.run(*words)
    assert (result.exit_code, part.exists()) == (0, False), result.stderr
    assert sorted(outcomes(job.results)) == [1, 2, 3]


@needs_containers
def test_after_a_kill_in_a_container_the_results_can_be_written(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path)
    killed = contained(local, job)
    feed(killed, lines(2))
    wait_until(lambda: len(local.tasks()) == 2)
    killed.kill()
    assert killed.stderr is not None
    killed.stderr.read()  # to its end, which is that of the import, before its input ends
    killed.communicate(timeout=LONG)
    part = tmp_path / "results.jsonl.1.part"
    assert part.exists()
    again = contained(local, job)
    told = again.communicate(lines(3).encode(), timeout=LONG)[1]
    assert again.returncode == 0, told
    assert sorted(outcomes(job.results)) == [1, 2, 3]
    assert not part.exists()


@needs_containers
def test_two_containers_that_write_the_same_results_write_whole_ones(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path)
    first, second = contained(local, job), contained(local, job)
    feed(first, lines(2))
    feed(second, lines(2))
    wait_until(lambda: len(local.tasks()) == 4)
    assert len([*tmp_path.glob("results.jsonl.1*.part")]) == 2
    for running, rows in ((first, 2), (second, 2)):
        told = running.communicate(timeout=LONG)[1]
        assert running.returncode == 0, told
        assert sorted(outcomes(job.results)) == [*range(1, rows + 1)]
    assert not [*tmp_path.glob("*.part")]


def test_a_link_in_the_place_of_a_part_is_not_written_through(
    local: Service, tmp_path: Path
) -> None:
    job = Job(tmp_path, lines(1))
    precious = tmp_path / "precious"
    precious.write_text("precious\n")
    job.results.with_name(f"results.jsonl.{os.getpid()}.part").symlink_to(precious)
    result = local.run("tasks", "import", str(job.file), "--results", str(job.results))
    assert result.exit_code == 2
    assert f"--results {job.results}: " in result.stderr
    assert precious.read_text() == "precious\n"
    assert not local.sandbox.requests


def test_whoever_writes_one_file_at_once_there_is_a_whole_one_at_any_time(tmp_path: Path) -> None:
    target = tmp_path / "target"
    wholes = {f"{writer}\n".encode() * 1000 for writer in range(4)}
    seen: set[bytes] = set()

    def write(whole: bytes) -> None:
        for _ in range(100):
            part = PartFile(target)
            part.file.write(whole)
            part.finish()
            seen.add(target.read_bytes())

    writers = [threading.Thread(target=write, args=(whole,)) for whole in wholes]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert seen <= wholes
    assert [*tmp_path.iterdir()] == [target]
