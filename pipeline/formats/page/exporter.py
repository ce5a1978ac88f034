"""``.html``: the page."""

from __future__ import annotations

from pathlib import Path

from pipeline.formats.page.contents import page_contents
from pipeline.formats.page.document import page_document
from pipeline.formats.page.proxy import make_proxy
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result

__all__ = ["PageExporter"]


class PageExporter(Exporter):
    """One file for any browser (docs/page.md); with the video if the options name it."""

    shows_video = True

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        proxy = None if self.options.video is None else make_proxy(result, self.options.video, self.options.on_progress)
        text = page_document(page_contents(result, proxy), None if proxy is None else proxy.data)
        path.write_text(text, encoding="utf-8", newline="\n")
