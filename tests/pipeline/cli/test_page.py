"""`sluice extract`: one page, what is kept of it, what is not, and why."""

import gzip
import http.server
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from stages.errors import ConfigError

PROSE = "A sentence that makes this, of course, the main content of the page. " * 6
PAGE = f"""<html><head><title>Grüße</title></head><body>
<nav class="menu"><a href="/">Home</a> <a href="/about">About us</a></nav>
<article><p>{PROSE}</p><pre>x = 1</pre><p>{PROSE}</p></article>
<div style="display: none">Never seen</div><footer>Imprint</footer></body></html>"""


def extracted(*words: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["extract", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout, done.stderr


@pytest.fixture
def page(tmp_path: Path) -> str:
    path = tmp_path / "page.html"
    path.write_text(PAGE, encoding="utf-8")
    return str(path)


def test_the_text_alone_is_printed(page: str) -> None:
    """So that it can be piped; what is known of it goes to the other stream."""
    out, said = extracted(page)
    assert out.startswith("A sentence")
    assert "\n```\nx = 1\n```\n" in out
    assert "Home" not in out
    assert "title 'Grüße'" in said
    assert "language en" in said
    assert "1 code block" in said


def test_every_block_has_its_reason(page: str) -> None:
    """What was dropped stands beside what was kept."""
    rows = extracted(page, "--blocks")[0].splitlines()
    words = ("Home", "sentence", "Never", "Imprint")
    found = {word: row for row in rows for word in words if word in row}
    assert found["sentence"].startswith("yes")
    assert found["Home"].startswith("no")
    assert "nav.menu" in found["Home"]
    assert found["Imprint"].startswith("no")
    assert "not shown" in found["Never"]


def test_what_was_dropped_is_a_diff(page: str) -> None:
    """Against all that the page shows."""
    lines = extracted(page, "--diff")[0].splitlines()
    assert any(line.startswith("-") and "Imprint" in line for line in lines)
    assert not any(line.startswith("-") and "sentence" in line for line in lines)


def test_a_page_is_fetched() -> None:
    """With what its header says of charset and compression."""

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = gzip.compress(PAGE.encode("latin-1"))
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=iso-8859-1")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _serving(Server) as url:
        out, said = extracted(url)
    assert out.startswith("A sentence")
    assert "title 'Grüße'" in said


class _serving:  # noqa: N801 - reads as a statement
    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        self._server = http.server.HTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/page"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.mark.parametrize(
    ("place", "says"), [("/nowhere/page.html", "No such file"), ("http://127.0.0.1:1/", "refused")]
)
def test_no_page_is_said_in_a_sentence(place: str, says: str) -> None:
    """Which place, and what is the matter."""
    with pytest.raises(ConfigError, match=says):
        CliRunner().invoke(app, ["extract", place], catch_exceptions=False)
