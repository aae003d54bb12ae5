"""Very many patterns: what a filter chooses, decided at once; the rest by the rule."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from pipeline.annotate.annotations_file import read
from pipeline.annotate.app import make_app
from pipeline.annotate.iteration_tables import open_iterations
from pipeline.annotate.review import Review
from pipeline.annotate.selection import Selection
from pipeline.local_page.guard import form_token
from stages.errors import InputError
from stages.recall.sites.url_patterns import ancestors, nearest
from tests.pipeline.annotate.conftest import ADDRESS, PORT, TODAY, TOKEN
from tests.pipeline.annotate.crawl import write_crawl

N_LARGE = 300_000
MAX_PAGE_BYTES = 250_000
MAX_OBJECT_BYTES = 200
"""Of memory a pattern, in the columns."""


def make_review(run: Path, file: Path, **options: Any) -> Iterator[Review]:
    with open_iterations(run) as iterations:
        yield Review(iterations[1], file, "ada", today=lambda: TODAY, **options)


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    """A fresh pass over a crawl of 1,200 patterns."""
    yield from make_review(write_crawl(tmp_path / "run", 1_200), tmp_path / "web.toml")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many patterns as a whole crawl proposes."""
    return write_crawl(tmp_path_factory.mktemp("large") / "run", N_LARGE)


def browser(review: Review) -> TestClient:
    app = make_app(review, run="runs/test", token=TOKEN, port=PORT)
    client = TestClient(app, base_url=ADDRESS)
    client.get("/", params={"token": TOKEN})
    return client


def post(client: TestClient, path: str, **fields: object) -> str:
    form = {"csrf": form_token(TOKEN), "target": "code", **fields}
    response = client.post(path, data=form)
    assert response.status_code == 200, response.text
    return response.text


def texts(page: str) -> list[str]:
    """The patterns of a list."""
    return [unescape(one) for one in re.findall(r"<a data-row [^>]*><bdi>(.*?)</bdi>", page)]


def n_chosen(review: Review, selection: Selection) -> int:
    return int(selection.chosen(review.table("code"), review.answers("code")).sum())


def test_300_000_patterns_are_paged(large: Path, tmp_path: Path) -> None:
    """A page holds a hundred, whatever is asked; the columns stay small."""
    for review in make_review(large, tmp_path / "web.toml"):
        client = browser(review)
        table = review.table("code")
        assert len(table) == N_LARGE
        held = sum(len(text) + 64 for text in table.texts)
        columns = (table.domain_of, table.n_pages, table.n_recalled, table.parents)
        assert held + sum(one.nbytes for one in columns) < MAX_OBJECT_BYTES * N_LARGE
        for path in ("/", "/patterns", "/patterns?page=3000", "/patterns?text=99&low=50&sort=rate"):
            page = client.get(path).text
            assert len(page) < MAX_PAGE_BYTES
            assert page.count("data-row ") == 100
        assert "page 3,000 of 3,000" in client.get("/patterns?page=9999999").text
        n = n_chosen(review, Selection(low=80))
        page = post(client, "/decide-all", answer="accept", low=80, n=n)
        assert "patterns (open, with a hit rate of 80 to 100 %)" in page
        assert n_chosen(review, Selection(state="accepted", low=80)) == n
        post(client, "/undo")
        assert review.progress("code").n_decided == 0
        assert read(review.file).decisions() == {}


def test_the_list_is_sorted_and_filtered(review: Review) -> None:
    """The largest first; by state, text, pages and hit rate."""
    client = browser(review)
    first = texts(client.get("/patterns").text)
    assert first[:3] == ["site-0.example", "site-1.example", "site-0.example/a/"]
    assert len(first) == 100
    assert texts(client.get("/patterns?sort=name&text=site-10").text) == sorted(
        text for text in review.table("code").texts if "site-10" in text
    )
    named = client.get("/patterns?text=site-5.&low=50&high=80").text
    rates = [int(rate) for rate in re.findall(r'<td class="number">(\d+)%', named)]
    assert rates
    assert all(50 <= rate <= 80 for rate in rates)


def test_a_decision_in_the_list_stays_in_the_list(review: Review) -> None:
    """At its row, where the next open one is now."""
    client = browser(review)
    page = post(client, "/decide", answer="reject", pattern="site-1.example", row=1, page=1)
    assert "Patterns of code" in page
    assert texts(page)[:2] == ["site-0.example", "site-0.example/a/"]
    assert review.progress("code").n_decided == 6


def test_a_bulk_decision_is_one_step(review: Review) -> None:
    """Written with no more entries than it takes, told with what it covers, undone as a whole."""
    client = browser(review)
    review.decide(review.find("code", "site-3.example/d/"), False)
    before = review.file.read_text()
    selection = Selection(text="site-3.")
    n = n_chosen(review, selection)
    post(client, "/decide-all", answer="accept", text="site-3.", n=n)
    written = {one.pattern: one.accept for one in read(review.file).decisions().values()}
    assert written == {"site-3.example/d/": False, "site-3.example": True}
    (_, change) = review.changes
    assert (change.n_patterns, change.n_pages) == (4, 1_600_032)
    page = client.get("/decisions").text
    assert "4 patterns (open, with &#39;site-3.&#39;)" in page
    assert "1,600,032" in page
    post(client, "/undo")
    assert review.file.read_text().rstrip() == before.rstrip()


def test_a_list_that_changed_is_not_decided(review: Review) -> None:
    """The person saw another number."""
    selection = Selection(text="site-7.")
    review.decide(review.find("code", "site-7.example/a/b/"), True)
    with pytest.raises(InputError, match=r"4 patterns are open, with .site-7\.. now, not 6"):
        review.decide_all("code", selection, True, 6)


def test_the_rest_goes_to_the_rule_once_enough_is_covered(tmp_path: Path) -> None:
    """Not before; it is told, written for the run, and undone like a decision."""
    run = write_crawl(tmp_path / "run", 1_200)
    for review in make_review(run, tmp_path / "web.toml", enough=0.5):
        client = browser(review)
        while not review.is_left("code"):
            assert review.progress("code").covered < 0.5
            pattern = review.next_open("code")
            assert pattern is not None
            review.decide(review.find("code", pattern.domain), pattern.hit_rate > 0.5)
        assert review.progress("code").covered >= 0.5
        assert review.next_open("code") is None
        assert list(read(review.file).rests()) == [("code", 1)]
        n_left = 1_200 - review.progress("code").n_decided
        page = client.get("/decisions").text
        assert f"The rule decides the {n_left:,} patterns of code that nobody did" in page
        assert review.changes[-1].n_patterns == n_left
        review.undo()
        assert read(review.file).rests() == {}
        assert review.next_open("code") is not None


def test_what_is_left_to_the_rule_is_read_again(review: Review) -> None:
    """By another session; comments beside it stay."""
    review.leave_rest("code")
    review.file.write_text(review.file.read_text().replace("[[rest]]", "# enough\n[[rest]]"))
    again = Review(review.tables, review.file, "bo", today=lambda: TODAY)
    assert again.is_left("code")
    again.decide(again.find("code", "site-9.example"), True)
    assert "# enough\n[[rest]]\n" in review.file.read_text()


def test_answers_and_pages_are_those_of_brute_force(review: Review) -> None:
    """Of decisions anywhere, also above and below what was proposed."""
    table, chance = review.table("code"), np.random.default_rng(0)
    picked = chance.choice(table.texts, 80, replace=False).tolist()
    decisions = {text: bool(n % 3) for n, text in enumerate(picked)}
    decisions |= {"site-20.example/a/b/x/": True, "other.org": False, "site-21.example/d/": True}
    answers = table.answers(decisions)
    for place, text in enumerate(table.texts):
        found = nearest(text, decisions)
        assert answers[place] == (-1 if found is None else found[1])
    decided = answers >= 0
    known = {text for text, is_decided in zip(table.texts, decided, strict=True) if is_decided}
    expected = sum(
        int(table.n_pages[place])
        for place, text in enumerate(table.texts)
        if text in known and not any(above in known for above in list(ancestors(text))[1:])
    )
    assert table.pages(decided) == expected
