"""Headless Chromium, and a command that serves a page to it."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
SECONDS = 40


@dataclass
class Server:
    """A command that serves a page, and what it said at its end."""

    address: str
    rest: str = ""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; without one the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=str(CHROMIUM), headless=True)
        yield found
        found.close()


@contextmanager
def serving(code: str, *arguments: str) -> Iterator[Server]:
    """The command until Ctrl-C, which it survives with exit code 0."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = None
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
            if found:
                break
        assert found is not None
        server = Server(found[0])
        try:
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            server.rest = process.stdout.read()
    assert process.returncode == 0


def open_page(
    browser: Any, *, width: int, height: int = 900, **options: Any
) -> tuple[Any, list[str]]:
    """A page, and all that the browser complains of: errors, refused content, dialogs."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message) or dialog.dismiss())
    return page, complaints


def see(page: Any, selector: str) -> None:
    """Wait for what a page shows, and until it listens to keys."""
    page.wait_for_selector(selector)
    page.wait_for_load_state()


def width_of(page: Any) -> int:
    """How wide the page is; as wide as the window if nothing sticks out."""
    return int(page.evaluate("document.documentElement.scrollWidth"))
