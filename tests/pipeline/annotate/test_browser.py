"""The page as a person meets it: the command, a real browser, keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.annotate.annotations_file import read
from tests.pipeline.headless import SECONDS, open_page, see, serving, width_of

pytestmark = pytest.mark.browser


@pytest.fixture
def address(run: Path, file: Path) -> Iterator[str]:
    """The command serves the run; Ctrl-C ends it with exit code 0."""
    arguments = ["annotate", str(run), "--file", str(file), "--author", "ada"]
    with serving("from pipeline.cli.recall.command import recall; recall()", *arguments) as server:
        yield server.address
    assert f" of this session in {file}" in server.rest


def test_a_person_decides_with_keys(browser: Any, address: str, file: Path, tmp_path: Path) -> None:
    """Each key does what the page says, each decision is on disk before the next page, and
    nothing that a crawled page holds runs or is refused by the policy."""
    page, complaints = open_page(browser, width=1440)

    def decisions() -> dict[str, bool]:
        return {one.pattern: one.accept for one in read(file).decisions().values()}

    def press(key: str, heading: str) -> None:
        page.keyboard.press(key)
        page.wait_for_function(
            "text => document.querySelector('h1').innerText === text", arg=heading
        )
        page.wait_for_load_state()

    page.goto(address)
    assert "token" not in page.url
    page.screenshot(path=tmp_path / "domains.png")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.innerText") == "python.org"

    press("n", "docs.python.org")
    press("j", "docs.python.org/3/library/")
    page.screenshot(path=tmp_path / "pattern.png")
    press("a", "docs.python.org/3/tutorial/")
    assert decisions() == {"docs.python.org/3/library/": True}
    press("a", "docs.python.org/3/whatsnew/")
    press("r", "docs.python.org")
    assert decisions()["docs.python.org/3/whatsnew/"] is False
    press("a", "evil.example/a/")
    page.screenshot(path=tmp_path / "hostile.png", full_page=True)
    press("u", "docs.python.org")
    press("u", "docs.python.org/3/whatsnew/")
    assert "docs.python.org/3/whatsnew/" not in decisions()
    press("k", "docs.python.org/3/tutorial/")
    page.screenshot(path=tmp_path / "decided.png")
    page.keyboard.press("c")
    see(page, ".facts dd.open")
    assert decisions() == {"docs.python.org/3/library/": True}

    with page.expect_navigation():
        page.click("text=Reject")
    assert "whatsnew" in page.inner_text("h1")
    assert decisions()["docs.python.org/3/tutorial/"] is False
    press("d", "Domains for code")
    assert "2 of 5 decided" in page.inner_text(".tabs")
    assert complaints == []
    assert all(
        (tmp_path / f"{name}.png").stat().st_size > 10_000 for name in ("domains", "pattern")
    )


def test_the_page_works_without_javascript(browser: Any, address: str, file: Path) -> None:
    """Links and forms are enough."""
    page = browser.new_context(java_script_enabled=False).new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.goto(address)
    page.click("text=next open pattern")
    page.click("button.accept")
    assert page.inner_text("h1") == "evil.example/a/"
    page.click("text=undo")
    assert page.inner_text("h1") == "docs.python.org"
    assert read(file).decisions() == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_is_worked_through_at_any_width(
    browser: Any, address: str, file: Path, scheme: str
) -> None:
    """Filtered, sorted and decided with keys at 400 pixels, in both themes, without a complaint."""
    page, complaints = open_page(browser, width=400, color_scheme=scheme)
    page.goto(address)
    assert width_of(page) == 400
    page.keyboard.press("l")
    see(page, "text=Patterns of code")
    assert width_of(page) == 400
    page.click("th >> text=hit rate")
    see(page, "th[aria-sort] >> text=hit rate")
    assert page.inner_text("tbody tr:first-child bdi") == "docs.python.org/3/tutorial/"
    page.keyboard.press("/")
    page.keyboard.type("python")
    page.keyboard.press("Enter")
    see(page, "text=Accept all 4")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.innerText") == "docs.python.org/3/library/"
    page.keyboard.press("r")
    see(page, "text=Accept all 3")
    assert page.evaluate("document.activeElement.innerText") == "docs.python.org"
    page.click("text=Accept all 3")
    see(page, "text=no pattern is like this")
    decided = {one.pattern: one.accept for one in read(file).decisions().values()}
    assert decided == {"docs.python.org/3/library/": False, "docs.python.org": True}
    page.click(".last a")
    see(page, "h1 >> text=Decisions of this session")
    assert width_of(page) == 400
    page.keyboard.press("u")
    page.wait_for_function("() => document.querySelectorAll('tbody tr').length === 1")
    assert complaints == []
