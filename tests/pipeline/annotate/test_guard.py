"""Who is let in: the token, the host, the form token, and what browsers are told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.local_page.guard import MAX_FORM_BYTES, form_token
from tests.pipeline.annotate.conftest import PORT, TOKEN

Stranger = Callable[[], TestClient]

PATHS = ("/", "/domain?target=code&domain=python.org", "/next", "/static/page.css", "/none")
DECISION = {"target": "code", "pattern": "docs.python.org", "answer": "accept"}


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
    cookie = b"sluice-annotate-%d=%s" % (PORT, query)
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
    assert cookie.startswith(f"sluice-annotate-{PORT}=")
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
@pytest.mark.parametrize("path", ["/decide", "/undo"])
def test_a_form_of_another_site_is_refused(
    client: TestClient, file: Path, path: str, csrf: str | None
) -> None:
    """A cookie alone does not write."""
    fields = DECISION if csrf is None else {**DECISION, "csrf": csrf}
    assert client.post(path, data=fields).status_code == 403
    assert not file.exists()


def test_only_forms_of_a_sensible_size_are_read(client: TestClient, file: Path) -> None:
    """JSON that a page can send without asking, giants, and broken encodings are refused."""
    csrf = form_token(TOKEN)
    assert client.post("/decide", json={**DECISION, "csrf": csrf}).status_code == 415
    giant = {**DECISION, "csrf": csrf, "x": "x" * MAX_FORM_BYTES}
    assert client.post("/decide", data=giant).status_code == 413
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/decide", content=b"csrf=\xff", headers=form).status_code == 400
    assert client.post("/decide", content="a=1&" * 99, headers=form).status_code == 400
    assert client.get("/?" + "a=1&" * 99).status_code == 400
    assert not file.exists()


@pytest.mark.parametrize("path", ["/decide", "/undo"])
def test_reading_never_writes(client: TestClient, path: str) -> None:
    """A link or an image cannot decide."""
    assert client.get(path, params={**DECISION, "csrf": form_token(TOKEN)}).status_code == 405


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


def test_pages_hold_nothing_inline(client: TestClient) -> None:
    """The policy needs no exception, not even a nonce."""
    for path in PATHS[:2]:
        text = client.get(path).text
        assert "<script src=" in text
        assert text.count("<script") == 1
        for forbidden in ("<style", " style=", " onclick", "http://", "//cdn"):
            assert forbidden not in text.replace("http://www.w3.org", "")


def test_files_outside_the_static_folder_are_not_served(client: TestClient) -> None:
    """Whatever the path says."""
    for path in ("/static/../guard.py", "/static/%2e%2e/guard.py", "/static//etc/passwd"):
        assert client.get(path).status_code == 404
