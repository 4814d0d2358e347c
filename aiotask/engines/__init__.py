"""Engines that tell the workers of a shared journal which window of rows is done where.

An engine may lose, repeat and delay what it is told: the journal alone decides what is sent.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
