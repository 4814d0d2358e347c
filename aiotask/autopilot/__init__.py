"""Autopilot v1, which Twilio has retired: the tasks of an assistant, for parity."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
