"""Pages to read and forms to post, made of plain functions.

One request at a time: there is one person and one DuckDB connection. What goes wrong is a page that
says so, never a traceback.
"""

import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from pipeline.local_page.guard import Guard, read_form
from stages.errors import InputError, SluiceError

Form = Mapping[str, str]
SHARED = Path(__file__).with_name("static")


class Endpoints:
    """Makes endpoints of functions."""

    def __init__(self, csrf: str, error_page: Callable[[str], str]) -> None:
        """`error_page` makes the HTML that says what is wrong."""
        self._csrf = csrf
        self._error_page = error_page
        self._one_at_a_time = threading.Lock()

    def reading(self, path: str, work: Callable[[Mapping[str, str]], Response]) -> Route:
        """Answers GET from the parameters of the address."""

        def endpoint(request: Request) -> Response:
            with self._one_at_a_time:
                return self._explained(lambda: work(request.query_params), "read")

        return Route(path, endpoint)

    def writing(self, path: str, work: Callable[[Form], Response]) -> Route:
        """Answers POST of a form that a page of ours sent."""

        def locked(form: Form) -> Response:
            with self._one_at_a_time:
                return self._explained(lambda: work(form), "saved")

        async def endpoint(request: Request) -> Response:
            form = await read_form(request, self._csrf)
            return form if isinstance(form, Response) else await run_in_threadpool(locked, form)

        answer: Callable[[Request], Awaitable[Response]] = endpoint
        return Route(path, answer, methods=["POST"])

    def _explained(self, work: Callable[[], Response], done: str) -> Response:
        try:
            return work()
        except InputError as error:
            return HTMLResponse(self._error_page(str(error)), HTTPStatus.NOT_FOUND)
        except SluiceError as error:
            return HTMLResponse(self._error_page(str(error)), HTTPStatus.CONFLICT)
        except OSError as error:
            message = f"could not be {done}: {error}"
            return HTMLResponse(self._error_page(message), HTTPStatus.INTERNAL_SERVER_ERROR)


def guarded(
    routes: Sequence[BaseRoute], *, name: str, own: Path, token: str, port: int
) -> Starlette:
    """The application of these routes, for requests to 127.0.0.1:`port` that carry the token. Files
    of `own` are under /own, those of all pages under /static."""
    return Starlette(
        routes=[
            *routes,
            Mount("/own", StaticFiles(directory=own)),
            Mount("/static", StaticFiles(directory=SHARED)),
        ],
        middleware=[Middleware(Guard, name=name, token=token, port=port)],
    )


def see(path: str) -> Response:
    """Go on to another page of ours."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def whole_number(text: str, default: int, *, least: int = 0, most: int = 10**9) -> int:
    """A number in an address, within its bounds."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        return default
    return min(max(int(text), least), most)
