"""A PostgreSQL server of its own, in a folder, and databases in it."""

import os
import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


class Postgres:
    """A server; ``crash`` and ``start`` take it away and bring it back."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._numbers = count(1)

    def url(self, database: str, user: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def make(self) -> None:
        """Make the server's files."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.folder.chmod(0o755)
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-instructions", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # What is killed are programs, not machines: waiting for the disk would prove nothing.
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-w", "-l", log, "-o", options, "start")

    def crash(self) -> None:
        """End it without giving it time to write anything."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def new_database(self) -> str:
        """Make an empty database, and return its URL."""
        name = f"aiotask_{next(self._numbers)}"
        self.execute(self.url("postgres"), f"CREATE DATABASE {name}")
        return self.url(name)

    @staticmethod
    def execute(url: str, command: str) -> list[tuple[Any, ...]]:
        """Execute a command, and return its rows."""
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *words: str) -> None:
        # The server refuses to run as root.
        before = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*before, str(self._programs / program), "-D", str(self.folder / "data"), *words]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # which the server keeps open
            stderr=subprocess.DEVNULL,
            cwd="/",
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}")
