"""The report as a reader meets it: in a real browser, with keys, in both themes, at 400 px."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.build import make_comparison
from tests.pipeline.headless import chromium, open_page, width_of

LIGHT, DARK = "rgb(246, 246, 243)", "rgb(19, 23, 26)"
GROUND = "getComputedStyle(document.body).backgroundColor"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture
def file(page: bytes, tmp_path: Path) -> Path:
    """The report on a disk."""
    path = tmp_path / "index.html"
    path.write_bytes(page)
    return path


class Reader:
    """A tab as wide as the page in it: what it complained of, what it asked the network for."""

    def __init__(self, browser: Any, path: Path, width: int = 1360, scheme: str = "light") -> None:
        self.tab, self.complaints = open_page(browser, width=width, color_scheme=scheme)
        self.requests: list[str] = []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(path.as_uri())
        assert width_of(self.tab) == width

    def column(self, table: str, number: int) -> list[str]:
        """The cells of a column that are to be seen."""
        cells: list[str] = self.tab.evaluate(
            "([name, n]) => [...document.querySelectorAll(`table[aria-label='${name}'] tbody tr`)]"
            ".filter(row => row.offsetParent).map(row => row.cells[n].innerText.trim())",
            [table, number],
        )
        return cells


def test_a_reader_sorts_filters_and_opens(browser: Any, file: Path, tmp_path: Path) -> None:
    """Nothing is fetched but the file, and nothing complains."""
    reader = Reader(browser, file)
    tab = reader.tab
    tokens = reader.column("languages", 1)
    assert len(tokens) == 20
    values = [int(text.replace(",", "")) for text in tokens]
    assert values == sorted(values, reverse=True)

    name = tab.locator("table[aria-label=languages] th button", has_text="language")
    name.click()
    assert reader.column("languages", 0)[0] == "ABAP"
    assert tab.get_attribute("table[aria-label=languages] th", "aria-sort") == "ascending"
    name.focus()
    tab.keyboard.press("Enter")
    assert reader.column("languages", 0)[0] != "ABAP"

    tab.click("#tokens button.all >> nth=0")
    assert len(reader.column("languages", 0)) >= 338
    tab.fill("#tokens input >> nth=0", "pyth")
    assert "Python" in reader.column("languages", 0)
    assert len(reader.column("languages", 0)) < 5
    tab.locator("#tokens input").first.press("Escape")
    assert len(reader.column("languages", 0)) >= 338
    tab.screenshot(path=tmp_path / "light.png", full_page=True)
    assert reader.requests == [file.as_uri()]
    assert reader.complaints == []


def test_keys_lead_through_the_sections(browser: Any, file: Path) -> None:
    """`j` and `k` go on and back, `/` filters, `t` changes the theme; letters typed are text."""
    tab = Reader(browser, file).tab
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    assert tab.evaluate("document.activeElement.id") == "funnel"
    tab.keyboard.press("j")
    tab.keyboard.press("k")
    assert tab.evaluate("document.activeElement.id") == "funnel"
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.tagName") == "INPUT"
    tab.keyboard.type("tjk")
    assert tab.evaluate("document.activeElement.value") == "tjk"
    assert tab.evaluate(GROUND) == LIGHT
    tab.keyboard.press("Escape")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.tagName") in ("BUTTON", "INPUT", "A", "DIV")


def test_themes(browser: Any, file: Path, tmp_path: Path) -> None:
    """As the system has it, until someone chooses; the choice stays."""
    reader = Reader(browser, file, scheme="dark")
    tab = reader.tab
    assert tab.evaluate(GROUND) == DARK
    tab.screenshot(path=tmp_path / "dark.png", full_page=True)
    tab.click("#theme")
    assert tab.inner_text("#theme") == "theme: light"
    assert tab.evaluate(GROUND) == LIGHT
    tab.reload()
    assert tab.evaluate(GROUND) == LIGHT
    tab.keyboard.press("t")
    assert tab.evaluate(GROUND) == DARK
    assert reader.complaints == []


def test_a_telephone_and_a_printer(browser: Any, file: Path, tmp_path: Path) -> None:
    """At 400 px nothing is wider than the screen; paper is light and has no buttons."""
    reader = Reader(browser, file, width=400)
    reader.tab.screenshot(path=tmp_path / "narrow.png", full_page=True)
    dark = Reader(browser, file, scheme="dark").tab
    dark.pdf(path=tmp_path / "paper.pdf", format="A4")
    dark.emulate_media(media="print")
    assert not dark.is_visible("#theme")
    assert not dark.is_visible("nav")
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


def test_without_javascript(browser: Any, file: Path) -> None:
    """Every row is there, and no button that does nothing."""
    tab = browser.new_context(java_script_enabled=False).new_page()
    tab.goto(file.as_uri())
    assert tab.locator("table[aria-label=languages] tbody tr:visible").count() >= 338
    assert not tab.is_visible("#theme")
    assert not tab.is_visible(".tools >> nth=0")


def test_two_runs_side_by_side(browser: Any, finished_run: Path, tmp_path: Path) -> None:
    """The page of a comparison opens as quietly."""
    path = tmp_path / "compare.html"
    path.write_bytes(make_comparison(finished_run, finished_run))
    reader = Reader(browser, path, width=400)
    assert reader.complaints == []
