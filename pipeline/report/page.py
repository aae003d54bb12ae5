"""The HTML file: figures, pictures, style and script in one, and nothing fetched.

Titles, addresses and samples are what strangers wrote: every value is escaped by Jinja or by
`charts.svg.tag`, after `visible` has taken out what would reorder the rest; the policy in the file
allows its own style and script, by their hashes, and nothing else. The figures are embedded as JSON
(`<script type="application/json" id="figures">`), for programs.
"""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files as package_files
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.inspection.counted import share
from pipeline.local_page.rendering import make_environment
from pipeline.report.charts import bars, numbers
from pipeline.report.charts.histogram import histogram
from pipeline.report.charts.stream import colour, reasons_of, stream
from pipeline.report.charts.treemap import named, treemap
from pipeline.report.tables import table
from pipeline.storage.json_text import json_text

SINGLE, COMPARED = "report.html.j2", "compare.html.j2"


def render(template: str, figures: Mapping[str, Any], mark: str, **context: Any) -> bytes:
    """The file of a template and its figures."""
    environment = _environment()
    style, script = (_static(name) for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    html = environment.get_template(template).render(
        **figures,
        **context,
        figures=_embedded(figures),
        style=style,
        script=script,
        policy=policy,
        mark=mark,
    )
    return html.encode("utf-8", "replace")


def _environment() -> jinja2.Environment:
    environment = make_environment("pipeline.report", csrf="")
    environment.filters.update(
        count=numbers.count,
        size=numbers.size,
        seconds=numbers.duration,
        reasons=reasons_of,
        named=named,
    )
    environment.globals.update(
        share=share,
        table=table,
        histogram=histogram,
        treemap=treemap,
        stream=stream,
        colour=colour,
        stacked=bars.stacked,
        interval=bars.interval,
    )
    return environment


def _static(name: str) -> Markup:
    """Our own style or script, as it stands."""
    return Markup(package_files("pipeline.report").joinpath("static", name).read_text("utf-8"))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embedded(figures: Mapping[str, Any]) -> Markup:
    """JSON within a script element: nothing in it can end the element."""
    text = json_text(figures)
    for character, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, escaped)
    return Markup(text)
