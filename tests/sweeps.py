"""Parameters whose first values are tried in every run, and all of them in campaigns."""

from collections.abc import Iterable
from typing import Any

import pytest


def sweep(values: Iterable[Any], usual: int = 1) -> list[Any]:
    """Mark all but the first values of a parameter, or of several, as those of a campaign."""
    tried = list(values)
    for at, value in enumerate(tried[usual:], usual):
        each = value if isinstance(value, tuple) else (value,)
        tried[at] = pytest.param(*each, marks=pytest.mark.campaign)
    return tried
