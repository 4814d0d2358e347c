"""TaskRouter's resources for its tree, each loaded when it is first used.

The tree cannot take them from the package, which has the tree in it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("aiotask.taskrouter", __file__)
