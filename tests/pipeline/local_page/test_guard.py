"""Who is let in: the token, the host, the form token, and what browsers are told."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse, Response
from starlette.testclient import TestClient

from pipeline.local_page.endpoints import Endpoints, guarded, see
from pipeline.local_page.guard import MAX_FORM_BYTES, form_token
from stages.errors import ConfigError, InputError

Stranger = Callable[[], TestClient]

TOKEN = "a-token-of-this-test"
NAME, PORT = "test", 8767
PATHS = ("/", "/static/page.css", "/own/own.css", "/none")
FORM = {"name": "ada"}


@pytest.fixture
def written() -> list[str]:
    """What forms wrote."""
    return []


@pytest.fixture
def stranger(written: list[str], tmp_path: Path) -> Stranger:
    """Makes clients that do not have the token."""
    (tmp_path / "own.css").write_text("p {}")
    (tmp_path.parent / "secret").write_text("secret")
    csrf = form_token(TOKEN)
    endpoints = Endpoints(csrf, lambda message: f"<p>sorry: {message}")

    def first(query: Mapping[str, str]) -> Response:
        return HTMLResponse(f"python {query.get('q', '')}")

    def write(form: Mapping[str, str]) -> Response:
        errors = {
            "none": InputError("no such"),
            "bad": ConfigError("wrong"),
            "full": OSError("disk"),
        }
        if form["name"] in errors:
            raise errors[form["name"]]
        written.append(form["name"])
        return see("/")

    app = guarded(
        [endpoints.reading("/", first), endpoints.writing("/write", write)],
        name=NAME,
        own=tmp_path,
        token=TOKEN,
        port=PORT,
    )
    return lambda: TestClient(app, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)


@pytest.fixture
def client(stranger: Stranger) -> TestClient:
    """A browser that opened the printed address."""
    browser = stranger()
    assert browser.get("/", params={"token": TOKEN}).status_code == 303
    return browser


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_served_without_the_token(stranger: Stranger, path: str) -> None:
    """Not even a style sheet, and no hint of what exists."""
    for answer in (stranger().get(path), stranger().post(path)):
        assert answer.status_code == 403
        assert "python" not in answer.text


@pytest.mark.parametrize("token", ["wrong", TOKEN[:-1], TOKEN + "x", "é", "\udcff", ""])
def test_a_wrong_token_is_refused(stranger: Stranger, token: str) -> None:
    """In the address or in the cookie, of any characters."""
    query = token.encode("utf-8", "surrogateescape")
    assert stranger().get("/", params={"token": query}).status_code == 403
    cookie = b"sluice-%s-%d=%s" % (NAME.encode(), PORT, query)
    assert stranger().get("/", headers={b"cookie": cookie}).status_code == 403


def test_a_token_given_twice_is_refused(stranger: Stranger) -> None:
    """There is no picking among them."""
    answer = stranger().get(f"/?token={TOKEN}&token={TOKEN}")
    assert answer.status_code == 403


def test_the_first_visit_exchanges_the_token_for_a_cookie(stranger: Stranger) -> None:
    """It leaves the address bar, and no script or other site can use the cookie."""
    browser = stranger()
    answer = browser.get(f"//evil.example/?token={TOKEN}&target=code")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"sluice-{NAME}-{PORT}=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    page = browser.get("/")
    assert page.status_code == 200
    assert TOKEN not in page.text


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        f"127.0.0.1:{PORT + 1}",
        f"127.0.0.1:{PORT}.evil.example",
        "",
    ],
)
def test_another_host_name_is_refused(client: TestClient, host: str) -> None:
    """A name that was made to point here does not get in, token or not."""
    assert client.get("/", headers={"host": host}).status_code == 400


def test_localhost_is_this_host(client: TestClient) -> None:
    """However it is written."""
    assert client.get("/", headers={"host": f"LocalHost:{PORT}"}).status_code == 200


@pytest.mark.parametrize("csrf", [None, "", "wrong", TOKEN, "é"])
def test_a_form_of_another_site_is_refused(
    client: TestClient, written: list[str], csrf: str | None
) -> None:
    """A cookie alone does not write."""
    fields = FORM if csrf is None else {**FORM, "csrf": csrf}
    assert client.post("/write", data=fields).status_code == 403
    assert written == []


def test_a_form_of_ours_writes(client: TestClient, written: list[str]) -> None:
    """And leads to a page."""
    answer = client.post("/write", data={**FORM, "csrf": form_token(TOKEN)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert written == ["ada"]


@pytest.mark.parametrize(("name", "status"), [("none", 404), ("bad", 409), ("full", 500)])
def test_what_goes_wrong_is_a_page(client: TestClient, name: str, status: int) -> None:
    """Never a traceback."""
    answer = client.post("/write", data={"name": name, "csrf": form_token(TOKEN)})
    assert answer.status_code == status
    assert answer.text.startswith("<p>sorry: ")


def test_only_forms_of_a_sensible_size_are_read(client: TestClient, written: list[str]) -> None:
    """JSON that a page can send without asking, giants, and broken encodings are refused."""
    csrf = form_token(TOKEN)
    assert client.post("/write", json={**FORM, "csrf": csrf}).status_code == 415
    giant = {**FORM, "csrf": csrf, "x": "x" * MAX_FORM_BYTES}
    assert client.post("/write", data=giant).status_code == 413
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/write", content=b"csrf=\xff", headers=form).status_code == 400
    assert client.post("/write", content="a=1&" * 99, headers=form).status_code == 400
    assert client.get("/?" + "a=1&" * 99).status_code == 400
    assert written == []


def test_reading_never_writes(client: TestClient) -> None:
    """A link or an image cannot."""
    assert client.get("/write", params={**FORM, "csrf": form_token(TOKEN)}).status_code == 405


@pytest.mark.parametrize("path", PATHS)
def test_every_response_is_fenced(client: TestClient, stranger: Stranger, path: str) -> None:
    """No script but our file, no frame, no other site's content, no copy in a cache."""
    for answer in (client.get(path), stranger().get(path)):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("folder", ["static", "own"])
def test_files_outside_the_folders_are_not_served(client: TestClient, folder: str) -> None:
    """Whatever the path says."""
    for path in ("../secret", "%2e%2e/secret", "/etc/passwd", "../guard.py"):
        assert client.get(f"/{folder}/{path}").status_code == 404
