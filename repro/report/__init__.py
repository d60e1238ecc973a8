"""A suite's result as one page to look at and to pass on: `python -m repro.report --suite NAME`."""

from repro.report.page import Content, as_html, content
from repro.report.summary import as_markdown

FORMATS = {"html": as_html, "md": as_markdown}

__all__ = ["FORMATS", "Content", "as_html", "as_markdown", "content"]
