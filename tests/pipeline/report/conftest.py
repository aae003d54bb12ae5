"""A run to report on, and what its page embeds."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.build import make_report


def figures_in(page: bytes) -> dict[str, Any]:
    """The embedded figures."""
    found = re.search(rb'<script type="application/json" id="figures">(.*?)</script>', page, re.S)
    assert found is not None
    figures: dict[str, Any] = json.loads(found[1])
    return figures


def text_of(page: bytes) -> str:
    """What a reader sees, roughly: without style, scripts and tags."""
    bare = re.sub(r"<(style|script)\b.*?</\1>", "", page.decode(), flags=re.S)
    return html.unescape(re.sub(r"<[^>]*>", " ", bare))


@pytest.fixture(scope="session")
def page(finished_run: Path) -> bytes:
    """The report of the complete run."""
    return make_report(finished_run)
