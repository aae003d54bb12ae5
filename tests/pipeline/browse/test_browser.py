"""The page as a person meets it: the command, a real browser, keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from schemas.audit import AUDIT_FILE
from tests.pipeline.headless import open_page, see, serving, width_of

pytestmark = pytest.mark.browser

WRONG = "button:has-text('This verdict is wrong')"
CODE = "from pipeline.cli.app import main; main()"


@pytest.fixture
def address(run: Path) -> Iterator[str]:
    """The command serves the run; Ctrl-C ends it with exit code 0."""
    with serving(CODE, "browse", str(run), "--author", "ada", "--seed", "7") as server:
        yield server.address
    assert f" of this session in {AUDIT_FILE}" in server.rest


def wrongs(run: Path) -> list[bool]:
    path = run / AUDIT_FILE
    found: list[bool] = pq.read_table(path)["wrong"].to_pylist() if path.exists() else []
    return found


def press(page: Any, key: str, place: str) -> None:
    """Press a key that leads to another document."""
    page.keyboard.press(key)
    page.wait_for_function(
        "text => document.querySelector('.crumbs').innerText.startsWith(text)", arg=place
    )
    page.wait_for_load_state()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_are_judged_with_keys(browser: Any, address: str, run: Path, scheme: str) -> None:
    """Each key does what the page says, in both themes; nothing that a document holds runs or is
    refused by the policy."""
    page, complaints = open_page(browser, width=1280, color_scheme=scheme)
    page.goto(address)
    assert "token" not in page.url
    page.keyboard.press("?")
    assert page.is_visible("text=this verdict is wrong")
    page.keyboard.press("?")
    page.click("tbody:has(:text('web.dedup')) >> text=exact")
    see(page, WRONG)
    assert "seed=7" in page.url
    press(page, "j", "2 of 31")
    press(page, "k", "1 of 31")
    press(page, "w", "2 of 31")
    press(page, "r", "3 of 31")
    assert wrongs(run) == [True, False]
    press(page, "u", "2 of 31")
    assert wrongs(run) == [True]
    page.keyboard.press("n")
    page.wait_for_url("**seed=8*")
    page.wait_for_load_state()
    page.select_option("select[name=verdict]", "near")
    page.fill("input[name=domain]", "b.example")
    page.keyboard.press("Enter")
    see(page, ".diff mark")
    assert page.inner_text(".diff .changed mark >> nth=0") == "the kept"
    page.keyboard.press("o")
    page.wait_for_selector("text=1 verdict judged")
    assert complaints == []


def test_formulas_are_drawn_and_texts_grow(browser: Any, address: str) -> None:
    """By the browser itself, without a script; `t` shows what is written, `m` shows more."""
    page, complaints = open_page(browser, width=1280)
    page.goto(address)
    base = page.url.rstrip("/")
    page.goto(f"{base}/look?stage=web.dedup&language=de")
    assert page.evaluate("document.querySelector('mfrac').getBoundingClientRect().height") > 10
    page.keyboard.press("t")
    page.wait_for_function("!document.querySelector('math')")
    page.goto(f"{base}/look?stage=web.dedup&domain=long")
    page.keyboard.press("m")
    page.wait_for_selector("text=2,900,000 characters more")
    assert complaints == []


def test_nothing_sticks_out_of_a_narrow_window(browser: Any, address: str) -> None:
    """At 400 pixels, with hostile titles and lines of megabytes."""
    page, complaints = open_page(browser, width=400)
    page.goto(address)
    base = page.url.rstrip("/")
    queries = ("stage=web.dedup&domain=evil", "stage=web.dedup&domain=long", "stage=github.rules")
    for path in ("/", *(f"/look?{query}" for query in queries)):
        page.goto(base + path)
        assert width_of(page) == 400, path
    page.keyboard.press("?")
    assert width_of(page) == 400
    assert complaints == []


def test_the_page_works_without_javascript(browser: Any, address: str, run: Path) -> None:
    """Links and forms are enough."""
    page, _ = open_page(browser, width=1280, java_script_enabled=False)
    page.goto(address)
    page.click("text=vendored")
    page.click(WRONG)
    assert "2 of 5" in page.inner_text(".crumbs")
    page.click("text=undo")
    assert wrongs(run) == []
