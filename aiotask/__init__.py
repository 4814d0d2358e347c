"""Asynchronous client for Twilio TaskRouter: every row becomes exactly one task.

::

    async with aiotask.Client() as client:
        tasks = client.taskrouter.workspace("WS…").tasks
        task = await tasks.create(attributes={"type": "support"}, priority=5)

The public names are those of ``__init__.pyi``; each is loaded when it is first used, so that
pytest with aiotask's plugin does not load the client for tests that do not use it.
"""

import lazy_loader

from aiotask._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
