"""A RabbitMQ server of the tests' own, in a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.afterwards import afterwards

_LONG = 120
# The command that is on the PATH would become another user, who has no way into the folder.
_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
# The daemon that tells nodes their names refuses to end while it knows of one.
_END = """
[ -f "$1/group" ] && kill -s KILL -- "-$(cat "$1/group")"
for _ in $(seq 100); do
    epmd -port "$2" -names || break
    epmd -port "$2" -kill
    sleep 0.1
done
rm -rf "$1"
"""


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Rabbitmq:
    """A server; ``stop`` and ``start`` take it away and bring it back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, distribution, self.names = _free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"
        self._environment = os.environ | {
            "HOME": str(folder),  # where the cookie of its nodes lies
            "RABBITMQ_NODENAME": f"t{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.names),
            "RABBITMQ_MNESIA_BASE": str(folder / "db"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        }
        (folder / "plugins").write_text("[].")
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "told").open("ab") as told:
            self._server = subprocess.Popen(
                [_PROGRAMS / "rabbitmq-server"],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self._folder / "group").write_text(str(self._server.pid))
        until = time.monotonic() + _LONG
        while not self._is_there():
            assert self._server.poll() is None, (self._folder / "told").read_text()
            assert time.monotonic() < until, (self._folder / "told").read_text()
            time.sleep(0.1)

    def _is_there(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), _LONG) as there:
            there.sendall(b"AMQP\0\0\x09\x01")
            return bool(there.recv(1))
        return False

    def stop(self) -> None:
        """Kill it, as a machine does that goes down."""
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(_LONG)
            self._server = None


@contextmanager
def running_rabbitmq() -> Iterator[Rabbitmq]:
    """Have a server; tests that need one are skipped where its programs are not installed."""
    if not (_PROGRAMS / "rabbitmq-server").exists() or not shutil.which("epmd"):
        pytest.skip(f"there is no RabbitMQ: {_PROGRAMS / 'rabbitmq-server'} is missing")
    folder = Path(tempfile.mkdtemp(prefix="mq"))
    server = Rabbitmq(folder)
    with afterwards(_END, folder, server.names):
        try:
            server.start()
            yield server
        finally:
            server.stop()
