"""Templates, from a library that comes with the extra ``console`` only."""

__all__ = ["Environment", "FileSystemLoader", "StrictUndefined"]

try:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
except ModuleNotFoundError as error:
    if error.name != "jinja2":
        raise
    raise ImportError("aiotask.console needs its extra: pip install 'aiotask[console]'") from None
