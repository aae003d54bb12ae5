"""The routes: pages to read, forms to post.

    GET  /            the domains of a target
    GET  /domain      one domain: its pattern tree and a pattern's pages
    GET  /patterns    the patterns that a filter chooses, the largest first
    GET  /decisions   what was decided in this session, and how much of the crawl each covers
    GET  /next        to the next open pattern
    POST /decide      accept, reject or withdraw; then to the next open pattern, or back to the list
    POST /decide-all  accept or reject all that a filter chooses
    POST /rest        leave what nobody decided to the rule
    POST /undo        take back the last decision; then to its pattern

Everything works by links and forms; keys press them.
"""

from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response

from pipeline.annotate.pages import Pages, pattern_href
from pipeline.annotate.review import Review
from pipeline.annotate.selection import Selection
from pipeline.local_page.endpoints import Endpoints, Form, guarded, see, whole_number
from pipeline.local_page.guard import form_token
from pipeline.local_page.rendering import href
from stages.errors import InputError

NAME = "annotate"
ANSWERS: dict[str, bool | None] = {"accept": True, "reject": False, "withdraw": None}

Query = Mapping[str, str]


def make_app(review: Review, *, run: str, token: str, port: int) -> Starlette:
    """The application, for requests to 127.0.0.1:`port` that carry the token."""
    csrf = form_token(token)
    pages = Pages(review, run, csrf)
    endpoints = Endpoints(csrf, pages.error)

    def target_of(query: Query) -> str:
        review.refresh()
        return query.get("target", review.targets[0])

    def domains(query: Query) -> Response:
        only_open = query.get("show") == "open"
        return HTMLResponse(
            pages.domains(
                target_of(query), _page(query), only_open=only_open, sort=query.get("sort", "")
            )
        )

    def domain(query: Query) -> Response:
        name, pattern = query.get("domain", ""), query.get("pattern") or None
        return HTMLResponse(pages.pattern(target_of(query), name, pattern))

    def patterns(query: Query) -> Response:
        return HTMLResponse(pages.patterns(target_of(query), Selection.of(query), _page(query)))

    def decisions(query: Query) -> Response:
        return HTMLResponse(pages.decisions(target_of(query)))

    def next_open(query: Query) -> Response:
        target = target_of(query)
        pattern = review.next_open(target)
        return see(href("/", target=target) if pattern is None else pattern_href(pattern))

    def decide(form: Form) -> Response:
        pattern = review.find(form.get("target", ""), form.get("pattern", ""))
        answer = _answer(form, ANSWERS)
        review.decide(pattern, answer)
        if "row" in form:
            row = whole_number(form["row"], 0)
            return see(f"{_list(form, page=_page(form))}#row-{row}")
        following = None if answer is None else review.next_open(pattern.target, pattern)
        return see(pattern_href(following or pattern))

    def decide_all(form: Form) -> Response:
        accept = _answer(form, {"accept": True, "reject": False})
        n_seen = whole_number(form.get("n", ""), 0)
        review.decide_all(form.get("target", ""), Selection.of(form), bool(accept), n_seen)
        return see(_list(form))

    def rest(form: Form) -> Response:
        review.leave_rest(form.get("target", ""))
        return see(href("/decisions", target=form.get("target", "")))

    def undo(form: Form) -> Response:
        change = review.undo()
        if change is None:
            return see(href("/", target=form["target"]) if "target" in form else "/")
        if change.pattern is not None:
            return see(pattern_href(change.pattern))
        return see(href("/decisions", target=change.target))

    return guarded(
        [
            endpoints.reading("/", domains),
            endpoints.reading("/domain", domain),
            endpoints.reading("/patterns", patterns),
            endpoints.reading("/decisions", decisions),
            endpoints.reading("/next", next_open),
            endpoints.writing("/decide", decide),
            endpoints.writing("/decide-all", decide_all),
            endpoints.writing("/rest", rest),
            endpoints.writing("/undo", undo),
        ],
        name=NAME,
        own=Path(__file__).with_name("static"),
        token=token,
        port=port,
    )


def _answer(form: Form, answers: Mapping[str, bool | None]) -> bool | None:
    answer = form.get("answer", "")
    if answer not in answers:
        raise InputError(f"answer {answer!r}: expected one of {', '.join(answers)}")
    return answers[answer]


def _page(query: Query) -> int:
    return whole_number(query.get("page", ""), 1, least=1)


def _list(form: Form, **more: object) -> str:
    """The list that a form was sent from."""
    return href("/patterns", target=form.get("target", ""), **Selection.of(form).query(), **more)
