"""Who may speak to the page: this machine's user, through the address the command printed.

Any web site open in the same browser can send requests to 127.0.0.1, and any user of the machine
can connect to it. So every request must name this server as its host (a name that an attacker
rebinds to 127.0.0.1 does not), and carry a token that only the printed address has. The first
visit exchanges it for a cookie that scripts cannot read and that other sites' requests do not
carry, and leaves the address bar by a redirect. Writing also takes a form token, which only a page
of ours holds. Responses load nothing but our own files and run no inline script.
"""

import hashlib
import hmac
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_FORM_BYTES = 1 << 16
MAX_FIELDS = 16
FORM = "application/x-www-form-urlencoded"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

STRANGER = """<!doctype html><title>Sluice</title>
<p>Open the address that the <code>sluice</code> command printed.
<p>If you came here from it by a link on another page, <a href="/">go on</a>."""


class Guard:
    """Middleware in front of everything, static files included."""

    def __init__(self, app: ASGIApp, *, name: str, token: str, port: int) -> None:
        """`name` tells the cookies of two pages on one port apart."""
        self._app = app
        self._token = token
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"sluice-{name}-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer strangers, pass on the rest."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse("not this host", HTTPStatus.BAD_REQUEST)
        try:
            query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=MAX_FIELDS)
        except ValueError:
            return PlainTextResponse("too many parameters", HTTPStatus.BAD_REQUEST)
        given = query.get("token")
        if given is not None:
            return self._welcome(scope, given)
        cookie = cookie_parser(headers.get("cookie", "")).get(self._cookie, "")
        if not _same(cookie, self._token):
            return HTMLResponse(STRANGER, HTTPStatus.FORBIDDEN)
        return None

    def _welcome(self, scope: Scope, given: list[str]) -> Response:
        """The cookie for the token; always to the first page, wherever it was sent to."""
        if len(given) != 1 or not _same(given[0], self._token):
            return HTMLResponse(STRANGER, HTTPStatus.FORBIDDEN)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("the token goes with GET", HTTPStatus.METHOD_NOT_ALLOWED)
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return response


def form_token(token: str) -> str:
    """What every form of ours carries; it does not reveal the token."""
    return hmac.new(token.encode(), b"sluice form", hashlib.sha256).hexdigest()


async def read_form(request: Request, expected_token: str) -> dict[str, str] | Response:
    """The fields of a form that a page of ours sent, or the refusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return PlainTextResponse("not a form", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return PlainTextResponse("too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        fields = parse_qs(body.decode("utf-8"), errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        return PlainTextResponse("not a form", HTTPStatus.BAD_REQUEST)
    form = {name: values[0] for name, values in fields.items() if len(values) == 1}
    if not _same(form.get("csrf", ""), expected_token):
        return PlainTextResponse("the form is not from this page", HTTPStatus.FORBIDDEN)
    return form


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
