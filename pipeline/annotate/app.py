"""The routes: pages to read, two forms to post.

    GET  /           the domains of a target
    GET  /domain     one domain: its pattern tree and a pattern's pages
    GET  /next       to the next open pattern
    POST /decide     accept, reject or withdraw; then to the next open pattern
    POST /undo       take back the last decision; then to its pattern

Everything works by links and forms; `static/keys.js` presses them for the keyboard. One request
at a time: there is one person and one DuckDB connection.
"""

import threading
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pipeline.annotate.guard import Guard, form_token, read_form
from pipeline.annotate.pages import Pages, href, pattern_href
from pipeline.annotate.review import Review
from stages.errors import InputError, SluiceError

Form = dict[str, str]

ANSWERS: dict[str, bool | None] = {"accept": True, "reject": False, "withdraw": None}


def make_app(review: Review, *, run: str, token: str, port: int) -> Starlette:
    """The application, for requests to 127.0.0.1:`port` that carry the token."""
    csrf = form_token(token)
    pages = Pages(review, run, csrf)
    one_at_a_time = threading.Lock()

    def domains(request: Request) -> Response:
        query = request.query_params
        target = query.get("target", review.targets[0])
        number = query.get("page", "1")
        return HTMLResponse(
            pages.domains(
                target,
                int(number) if number.isdecimal() and len(number) < 10 else 1,
                only_open=query.get("show") == "open",
            )
        )

    def domain(request: Request) -> Response:
        query = request.query_params
        target = query.get("target", review.targets[0])
        return HTMLResponse(
            pages.pattern(target, query.get("domain", ""), query.get("pattern") or None)
        )

    def next_open(request: Request) -> Response:
        return _to_next(review, request.query_params.get("target", review.targets[0]))

    def decide(form: Form) -> Response:
        pattern = review.find(form.get("target", ""), form.get("pattern", ""))
        answer = form.get("answer", "")
        if answer not in ANSWERS:
            raise InputError(f"answer {answer!r}: expected one of {', '.join(ANSWERS)}")
        review.decide(pattern, ANSWERS[answer])
        if ANSWERS[answer] is None:
            return _see(pattern_href(pattern))
        following = review.next_open(pattern.target, pattern)
        return _see(pattern_href(following or pattern))

    def undo(form: Form) -> Response:
        change = review.undo()
        if change is None:
            return _see(href("/", target=form["target"]) if "target" in form else "/")
        return _see(pattern_href(change.pattern))

    def reading(work: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            with one_at_a_time:
                return _explained(pages, lambda: _refreshed(review, lambda: work(request)))

        return endpoint

    def writing(work: Callable[[Form], Response]) -> Callable[[Request], Awaitable[Response]]:
        def locked(form: Form) -> Response:
            with one_at_a_time:
                return _explained(pages, lambda: work(form))

        async def endpoint(request: Request) -> Response:
            form = await read_form(request, csrf)
            return form if isinstance(form, Response) else await run_in_threadpool(locked, form)

        return endpoint

    return Starlette(
        routes=[
            Route("/", reading(domains)),
            Route("/domain", reading(domain)),
            Route("/next", reading(next_open)),
            Route("/decide", writing(decide), methods=["POST"]),
            Route("/undo", writing(undo), methods=["POST"]),
            Mount("/static", StaticFiles(directory=Path(__file__).with_name("static"))),
        ],
        middleware=[Middleware(Guard, token=token, port=port)],
    )


def _to_next(review: Review, target: str) -> Response:
    pattern = review.next_open(target)
    return _see(href("/", target=target) if pattern is None else pattern_href(pattern))


def _refreshed(review: Review, work: Callable[[], Response]) -> Response:
    review.refresh()
    return work()


def _explained(pages: Pages, work: Callable[[], Response]) -> Response:
    """The response, or a page that says what is wrong: never a traceback."""
    try:
        return work()
    except InputError as error:
        return HTMLResponse(pages.error(str(error)), HTTPStatus.NOT_FOUND)
    except SluiceError as error:
        return HTMLResponse(pages.error(str(error)), HTTPStatus.CONFLICT)
    except OSError as error:
        return HTMLResponse(
            pages.error(f"could not be saved: {error}"), HTTPStatus.INTERNAL_SERVER_ERROR
        )


def _see(path: str) -> Response:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)
