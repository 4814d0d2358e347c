"""Pages of reports, read as a browser reads them: an error in their HTML is an error here."""

import re
from base64 import b64decode
from typing import Any
from xml.etree import ElementTree as ET

import html5lib


class ReportPage:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tree: Any = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
        assert self.tree.find(".//script") is None
        assert not re.search(r"https?:", re.sub(r"base64,[^\"]*", "", text))
        self.plots = [self._plot(image) for image in self.tree.iter("img")]

    def _plot(self, image: Any) -> str:
        kind, _, content = image.get("src").partition(";base64,")
        assert kind == "data:image/svg+xml"
        drawing = b64decode(content)
        ET.fromstring(drawing)  # noqa: S314 - what matplotlib has written
        assert b"<script" not in drawing
        alternative: str = image.get("alt")
        return alternative

    def table(self, heading: str) -> list[list[str]]:
        """Return the rows of the first table after a heading."""
        found = False
        for element in self.tree.iter():
            found = found or (element.tag == "h2" and element.text == heading)
            if found and element.tag == "tbody":
                return [[self._of(cell) for cell in row] for row in element]
        raise LookupError(heading)

    def cells(self, heading: str) -> dict[str, str]:
        return {row[0]: row[1] for row in self.table(heading)}

    def _of(self, cell: Any) -> str:
        text: str = "".join(cell.itertext())
        return text
