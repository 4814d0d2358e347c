"""Version of the distribution, also shown in the ``User-Agent``."""

__version__ = "0.1.0"
