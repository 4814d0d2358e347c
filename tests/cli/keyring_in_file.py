"""A keyring of the library keyring's kind, in a file: the tests' machine may have no other."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class InFile(KeyringBackend):
    """Keeps secrets in the file that KEYRING_IN_FILE names; is locked without one."""

    priority = 1

    def _path(self) -> Path:
        if "KEYRING_IN_FILE" not in os.environ:
            raise KeyringLocked("locked")
        return Path(os.environ["KEYRING_IN_FILE"])

    def _all(self) -> dict[str, str]:
        path = self._path()
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        held = self._all() | {f"{service} {username}": password}
        self._path().write_text(json.dumps(held))

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f"{service} {username}")
