"""The page as a person meets it: the command, a real browser, keys."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.annotate.annotations_file import read

CHROMIUM = Path("/usr/bin/chromium")
SECONDS = 20

pytestmark = pytest.mark.browser


@pytest.fixture
def address(run: Path, file: Path) -> Iterator[str]:
    """The command serves the run; Ctrl-C ends it with exit code 0."""
    command = [sys.executable, "-c", "from pipeline.cli.recall import recall; recall()"]
    arguments = ["annotate", str(run), "--file", str(file), "--author", "ada"]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = None
        for line in server.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
            if found:
                break
        assert found is not None
        try:
            yield found[0]
        finally:
            server.send_signal(signal.SIGINT)
            rest = server.stdout.read()
    assert server.returncode == 0
    assert f"decisions of this session are in {file}" in rest


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), headless=True)
        yield chromium
        chromium.close()


def test_a_person_decides_with_keys(browser: Any, address: str, file: Path, tmp_path: Path) -> None:
    """Each key does what the page says, each decision is on disk before the next page, and
    nothing that a crawled page holds runs or is refused by the policy."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message) or dialog.dismiss())

    def decisions() -> dict[str, bool]:
        return {one.pattern: one.accept for one in read(file).decisions().values()}

    def press(key: str, heading: str) -> None:
        page.keyboard.press(key)
        page.wait_for_function(
            "text => document.querySelector('h1').innerText === text", arg=heading
        )

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
    page.wait_for_selector(".facts dd.open")
    assert decisions() == {"docs.python.org/3/library/": True}

    page.click("text=Reject")
    page.wait_for_function("document.querySelector('h1').innerText.includes('whatsnew')")
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
