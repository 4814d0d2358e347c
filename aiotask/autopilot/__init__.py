"""Autopilot v1, which Twilio has retired: the tasks of its assistants, for parity and no more."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
