"""Collections of Autopilot for its contexts, each loaded when it is first used.

The contexts cannot import them from the package, which imports the contexts.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("aiotask.autopilot", __file__)
