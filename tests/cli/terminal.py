"""Pseudo-terminals that commands write to."""

import os
import pty
import threading

from tests.cli.commands import LONG


class Terminal:
    """Reads what is written to a pseudo-terminal, from the beginning to its end."""

    def __init__(self) -> None:
        self._leader, self.follower = pty.openpty()
        self.shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while block := os.read(self._leader, 4096):
                self.shown += block
        except OSError:
            pass  # the other side is closed

    def text(self) -> str:
        os.close(self.follower)
        self._reader.join(LONG)
        os.close(self._leader)
        return self.shown.decode()
