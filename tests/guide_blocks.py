"""The blocks of code in the guide, each with what kind it is of."""

import re
from typing import Any

import pytest

from aiotask.guide.hooks import ROOT

GUIDE = ROOT / "aiotask/guide"
PAGES = sorted((GUIDE / "pages").rglob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The first kind of which a block has a sign is its kind; a piece has none.
KINDS = {
    "test": ("@pytest.mark",),
    "callbacks": ("SignatureVerifier(os.environ",),
    "celery": ("Celery(",),
    "proxy": ("proxy.example",),
    "worker": ("worker.run()",),
    "login": ("aiotask login",),
    "page": ("aiotask console",),
    "metrics": ("PrometheusMetricReader",),
    "program": ("asyncio.run(",),
    "module": ("FastAPI(", "Instrumentor()"),
}


def kind_of(block: str) -> str:
    for kind, signs in KINDS.items():
        if any(sign in block for sign in signs):
            return kind
    return "piece"


def blocks(language: str, kind: str | None = None) -> list[Any]:
    """Return the blocks of a language, or those of one kind, as parameters of tests."""
    return [
        pytest.param(match[2], id=f"{page.relative_to(GUIDE / 'pages')}-{number}")
        for page in PAGES
        for number, match in enumerate(FENCE.finditer(page.read_text(encoding="utf-8")))
        if match[1] == language and kind in (None, kind_of(match[2]))
    ]
