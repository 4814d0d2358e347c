"""Sorted containers, from a library that comes with the extra ``sandbox`` only."""

__all__ = ["SortedKeyList", "SortedList"]

try:
    from sortedcontainers import SortedKeyList, SortedList
except ModuleNotFoundError as error:
    if error.name != "sortedcontainers":
        raise
    raise ImportError("aiotask.sandbox needs its extra: pip install 'aiotask[sandbox]'") from None
