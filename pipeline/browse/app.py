"""The routes: two pages to read, two forms to post.

    GET  /          stages and reasons: how many documents, how many judged, how many wrong
    GET  /look      one document of a random draw
    POST /judge     the verdict is right or wrong; then the next document
    POST /undo      take back the last judgement
    GET  /code.css  the colours of code

Everything works by links and forms; keys press them.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pipeline.browse.drawing import Drawing
from pipeline.browse.filters import Filters
from pipeline.browse.judged_tables import JudgedTables
from pipeline.browse.judging import Judgement, Judging
from pipeline.browse.looking import Looking
from pipeline.browse.pages import Pages, View, look_href
from pipeline.browse.text_html import SIZES, code_css
from pipeline.local_page.endpoints import Endpoints, Form, guarded, see, whole_number
from pipeline.local_page.guard import form_token
from stages.errors import InputError, StorageError

NAME = "browse"
ANSWERS = {"wrong": True, "right": False}

Query = Mapping[str, str]


def make_app(
    tables: JudgedTables,
    looking: Looking,
    judging: Judging,
    *,
    run: str,
    seed: int,
    token: str,
    port: int,
) -> Starlette:
    """The application, for requests to 127.0.0.1:`port` that carry the token."""
    csrf = form_token(token)
    pages = Pages(tables, Drawing(tables), looking, judging, run=run, seed=seed, csrf=csrf)
    endpoints = Endpoints(csrf, pages.error)
    css = code_css()

    def overview(query: Query) -> Response:
        return HTMLResponse(pages.overview())

    def look(query: Query) -> Response:
        try:
            return HTMLResponse(pages.look(_view(query, seed)))
        except pa.ArrowInvalid as error:
            raise StorageError(
                f"{run} cannot be read: {error}; `sluice verify` names what is damaged"
            ) from error

    def judge(form: Form) -> Response:
        view = _view(form, seed)
        answer = form.get("answer", "")
        if answer not in ANSWERS:
            raise InputError(f"answer {answer!r}: expected one of {', '.join(ANSWERS)}")
        table = tables[view.filters.stage]
        shard, row = (whole_number(form.get(name, ""), 0) for name in ("shard", "row"))
        doc_id, reason = looking.verdict(table, shard, row)
        verdict = (table.stage, reason, doc_id)
        judging.judge(Judgement(verdict, ANSWERS[answer], form.get("uri", "")[:200]))
        return see(look_href(view, at=view.at + 1))

    def undo(form: Form) -> Response:
        view = _view(form, seed)
        undone = judging.undo()
        if not view.filters.stage:
            return see("/")
        return see(look_href(view, at=max(view.at - 1, 0)) if undone else look_href(view))

    return guarded(
        [
            endpoints.reading("/", overview),
            endpoints.reading("/look", look),
            endpoints.writing("/judge", judge),
            endpoints.writing("/undo", undo),
            Route("/code.css", lambda request: Response(css, media_type="text/css")),
        ],
        name=NAME,
        own=Path(__file__).with_name("static"),
        token=token,
        port=port,
    )


def _view(query: Query, seed: int) -> View:
    return View(
        Filters.of(query),
        seed=whole_number(query.get("seed", ""), seed),
        at=whole_number(query.get("at", ""), 0),
        size=whole_number(query.get("size", ""), 0, most=len(SIZES) - 1),
        plain=query.get("plain") == "1",
        twin=query.get("twin") == "1",
    )
