"""The asynchronous client for Twilio TaskRouter, made for creating tasks by the hundred thousand.

::

    async with aiotask.Client() as client:
        tasks = client.taskrouter.workspace("WS…").tasks
        task = await tasks.create(attributes={"type": "support"}, priority=5)

The public names are those of ``__init__.pyi``; each is loaded when it is first used, so that a test
run with the pytest plugin, which uses none, does not load the client.
"""

import lazy_loader

from aiotask._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
