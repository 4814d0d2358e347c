"""A page in the browser that shows workspaces: a client of the API, and nothing else.

It needs the extra ``console``. The README in this folder says what it shows, and how it is guarded.
"""

from aiotask.console.pace import SANDBOX_RATE, SERVICE_RATE
from aiotask.console.server import Console

__all__ = ["SANDBOX_RATE", "SERVICE_RATE", "Console"]
