"""The page: what it shows, what a decision does, what hostile pages cannot do."""

import re
import tomllib
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pipeline.annotate.app import make_app
from pipeline.annotate.iteration_tables import RunTables
from pipeline.annotate.review import Review
from pipeline.local_page.guard import form_token
from stages.errors import InputError
from tests.pipeline.annotate.conftest import ADDRESS, PORT, TODAY, TOKEN

LIBRARY = "docs.python.org/3/library/"
TUTORIAL = "docs.python.org/3/tutorial/"
EVIL = {"target": "code", "domain": "evil.example"}


def decide(client: TestClient, pattern: str, answer: str, target: str = "code") -> str:
    """Post the form; where the browser is sent."""
    form = {"csrf": form_token(TOKEN), "target": target, "pattern": pattern, "answer": answer}
    response = client.post("/decide", data=form)
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


def undo(client: TestClient) -> Any:
    return client.post("/undo", data={"csrf": form_token(TOKEN), "target": "code"})


def heading(page: str) -> str:
    """The text of a page's <h1>."""
    found = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert found is not None
    return unescape(re.sub("<[^>]+>", "", found[1]))


def decisions(file: Path) -> dict[str, bool]:
    entries = tomllib.loads(file.read_text()).get("pattern", []) if file.exists() else []
    return {entry["pattern"]: entry["accept"] for entry in entries}


def test_the_list_shows_domains_with_counts_and_progress(client: TestClient) -> None:
    """Most recalled pages first, per target."""
    page = client.get("/", params={"target": "code"}).text
    assert page.index("python.org</bdi>") < page.index("evil.example</bdi>")
    assert "0 of 5 decided" in page
    assert "0 of 2 decided" in page
    assert re.search(r'25</td>\s*<td class="number wide">16</td>\s*<td class="number">64%', page)
    assert "2 with patterns, 2 candidates" in page


def test_a_domain_shows_tree_histogram_and_samples(client: TestClient) -> None:
    """Each pattern with its hit rate, the scores of the pages under it, pages with their text."""
    page = client.get(
        "/domain", params={"target": "code", "domain": "python.org", "pattern": LIBRARY}
    ).text
    assert heading(page) == LIBRARY
    for label, rate in (("3/library/", "75%"), ("3/tutorial/", "100%"), ("3/whatsnew/", "0%")):
        assert re.search(rf'{label}</bdi>.*?<span class="number">{rate}', page, re.DOTALL)
    assert page.count("pages</title>") == 20
    assert "scores of 16 pages, recalled from 0.60" in page
    assert page.count('<article class="sample">') == 8 + 8
    assert page.index("lib11: the module") < page.index("lib10: the module")
    assert "&gt;&gt;&gt; import lib11" in page
    assert "lowest scores" in page.lower()
    assert page.index("odd0: the module") < page.index("odd1: the module")


def test_a_decision_is_saved_at_once_and_the_next_open_pattern_shown(
    client: TestClient, file: Path
) -> None:
    """In the documented format."""
    location = decide(client, LIBRARY, "accept")
    assert heading(client.get(location).text) == TUTORIAL
    assert tomllib.loads(file.read_text()) == {
        "version": 1,
        "pattern": [
            {
                "target": "code",
                "pattern": LIBRARY,
                "accept": True,
                "author": "ada",
                "date": TODAY,
                "iteration": 2,
            }
        ],
    }


def test_a_deeper_decision_overrides_its_parents(client: TestClient, file: Path) -> None:
    """A parent's decision covers the rest of its tree."""
    decide(client, "docs.python.org", "accept")
    decide(client, TUTORIAL, "reject")
    page = client.get("/domain", params={"target": "code", "domain": "python.org"}).text
    signs = re.findall(r'<span class="(accepted|rejected|open)( inherited)?">', page)
    assert signs == [
        ("accepted", ""),
        ("accepted", " inherited"),
        ("rejected", ""),
        ("accepted", " inherited"),
    ]
    assert "4 of 5 decided" in page
    assert decisions(file) == {"docs.python.org": True, TUTORIAL: False}


def test_targets_are_decided_apart(client: TestClient, file: Path) -> None:
    """Accepting for math says nothing about code."""
    decide(client, LIBRARY, "accept", target="math")
    page = client.get("/").text
    assert "0 of 5 decided" in page
    assert "1 of 2 decided" in page


def test_undo_goes_back_decision_by_decision(client: TestClient, file: Path) -> None:
    """Through changed and withdrawn decisions too, until nothing is left to undo."""
    decide(client, LIBRARY, "accept")
    decide(client, LIBRARY, "accept")
    decide(client, LIBRARY, "reject")
    decide(client, LIBRARY, "withdraw")
    assert decisions(file) == {}
    seen = []
    for _ in range(3):
        response = undo(client)
        assert heading(client.get(response.headers["location"]).text) == LIBRARY
        seen.append(decisions(file))
    assert seen == [{LIBRARY: False}, {LIBRARY: True}, {}]
    assert undo(client).headers["location"] == "/?target=code"


def test_undo_never_overwrites_another_editor(client: TestClient, file: Path) -> None:
    """A decision that no longer stands is not taken back."""
    decide(client, LIBRARY, "accept")
    changed = file.read_text().replace("accept = true", "accept = false  # Bo")
    file.write_text(changed)
    response = undo(client)
    assert response.status_code == 404
    assert "changed meanwhile" in response.text
    assert file.read_text() == changed


def test_another_editors_decisions_are_seen_and_kept(client: TestClient, file: Path) -> None:
    """The file is the only state."""
    decide(client, LIBRARY, "accept")
    entry = '\n[[pattern]]\ntarget = "code"\npattern = "evil.example"\naccept = false\n'
    file.write_text(file.read_text() + entry)
    assert "2 of 5 decided" in client.get("/").text
    decide(client, TUTORIAL, "accept")
    assert decisions(file) == {LIBRARY: True, "evil.example": False, TUTORIAL: True}


def test_a_new_session_resumes_where_the_last_one_ended(
    client: TestClient, tables: RunTables, file: Path
) -> None:
    """At the first open pattern; other files of the configuration count and stay untouched."""
    decide(client, LIBRARY, "accept")
    other = file.with_name("other.toml")
    other.write_text(
        f'version = 1\n[[pattern]]\ntarget = "code"\npattern = "{TUTORIAL}"\naccept = true\n'
    )
    before = other.read_text()
    again = Review(tables, file, "bo", before=[other], today=lambda: TODAY)
    app = make_app(again, run="runs/test", token=TOKEN, port=PORT)
    browser = TestClient(app, base_url=ADDRESS)
    page = browser.get("/", params={"token": TOKEN}).text
    assert "2 of 5 decided" in page
    assert heading(browser.get("/next").text) == "docs.python.org"
    again.decide(again.find("code", "docs.python.org"), True)
    assert heading(browser.get("/next").text) == "evil.example/a/"
    again.decide(again.find("code", TUTORIAL), False)
    assert other.read_text() == before
    assert decisions(file)[TUTORIAL] is False


def test_a_later_file_wins_and_says_so(tables: RunTables, file: Path, tmp_path: Path) -> None:
    """What it decides is shown, and cannot be decided here in vain."""
    later = tmp_path / "later.toml"
    later.write_text(
        f'version = 1\n[[pattern]]\ntarget = "code"\npattern = "{LIBRARY}"\naccept = false\n'
    )
    review = Review(tables, file, "ada", after=[later, tmp_path / "none.toml"])
    assert review.progress("code").n_decided == 1
    with pytest.raises(InputError, match=r"later\.toml, which wins"):
        review.decide(review.find("code", LIBRARY), True)
    assert not file.exists()


def test_decisions_count_from_the_iteration_they_answer(client: TestClient, file: Path) -> None:
    """One of a later iteration is open here; a changed one still answers the first that asked."""
    decide(client, LIBRARY, "accept")
    decide(client, TUTORIAL, "accept")
    text = file.read_text().replace("iteration = 2", "iteration = 1", 1)
    file.write_text(text.replace("iteration = 2", "iteration = 3"))
    assert "1 of 5 decided" in client.get("/").text
    decide(client, LIBRARY, "reject")
    decide(client, TUTORIAL, "accept")
    found = tomllib.loads(file.read_text())["pattern"]
    assert [(one["accept"], one["iteration"]) for one in found] == [(False, 1), (True, 2)]
    assert "2 of 5 decided" in client.get("/").text
    undo(client)
    assert tomllib.loads(file.read_text())["pattern"][1]["iteration"] == 3


def test_a_decided_pass_says_so(client: TestClient) -> None:
    """And the list of open domains is empty."""
    decide(client, "docs.python.org", "accept")
    location = decide(client, "evil.example/a/", "reject")
    assert "All 5 patterns of code are decided" in client.get(location).text
    assert "no domain has an open pattern" in client.get("/", params={"show": "open"}).text


def test_crawled_html_is_shown_and_never_rendered(client: TestClient) -> None:
    """Titles, texts and addresses are text; only http and https become links."""
    page = client.get("/domain", params=EVIL).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;�gnp" in page
    assert "&lt;/pre&gt;&lt;img src=x onerror=alert(2)&gt;� {{ 7 * 7 }} &amp; done" in page
    assert "javascript://evil.example/a/%0aalert(3)</bdi>" in page
    links = re.findall(r'<a class="where" href="([^"]*)" (.*?)>', page)
    assert [unescape(link) for link, _ in links] == [
        "https://evil.example/a/1",
        'https://evil.example/a/"><b>',
    ]
    assert {rest for _, rest in links} == {'target="_blank" rel="noreferrer noopener"'}
    assert "<b>" not in page.replace("score <b>", "")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/?target=biology", 404, "no target"),
        ("/domain?target=code&domain=none.org", 404, "no pattern is proposed in none.org"),
        ("/domain?target=code&domain=%3Cscript%3E", 404, "&lt;script&gt;"),
        ("/domain?target=code&domain=python.org&pattern=x", 404, "the run proposes no pattern"),
        ("/?page=999999999999", 200, "Domains for code"),
        ("/?page=-1", 200, "Domains for code"),
    ],
)
def test_wrong_addresses_are_explained(
    client: TestClient, path: str, status: int, message: str
) -> None:
    """Never a traceback."""
    response = client.get(path)
    assert (response.status_code, message in response.text) == (status, True)


@pytest.mark.parametrize(
    "change",
    [{"pattern": "none.org"}, {"target": "biology"}, {"answer": "maybe"}, {"pattern": None}],
)
def test_only_proposed_patterns_are_decided(
    client: TestClient, file: Path, change: dict[str, str | None]
) -> None:
    """Nothing else enters the file."""
    form = {"csrf": form_token(TOKEN), "target": "code", "pattern": LIBRARY, "answer": "accept"}
    fields = {name: value for name, value in {**form, **change}.items() if value is not None}
    assert client.post("/decide", data=fields).status_code == 404
    assert not file.exists()


def test_a_file_that_cannot_be_read_is_reported_and_left_alone(
    client: TestClient, file: Path
) -> None:
    """Until someone mends it nothing is saved."""
    decide(client, LIBRARY, "accept")
    file.write_text("version = 1\n[[pattern")
    form = {"csrf": form_token(TOKEN), "target": "code", "pattern": TUTORIAL, "answer": "accept"}
    for response in (client.post("/decide", data=form), client.get("/")):
        assert response.status_code == 409
        assert "not valid TOML" in response.text
    assert file.read_text() == "version = 1\n[[pattern"


def test_a_decision_that_cannot_be_saved_is_reported(client: TestClient, file: Path) -> None:
    """The folder is not one: the page says what the system said."""
    file.parent.write_text("in the way")
    form = {"csrf": form_token(TOKEN), "target": "code", "pattern": LIBRARY, "answer": "accept"}
    response = client.post("/decide", data=form)
    assert response.status_code == 500
    assert "could not be saved" in response.text
    assert "0 of 5 decided" in client.get("/").text


def test_pages_hold_nothing_inline(client: TestClient) -> None:
    """The policy needs no exception, not even a nonce."""
    for path in ("/", "/patterns", "/decisions", "/domain?target=code&domain=python.org"):
        text = client.get(path).text
        assert text.count("<script src=") == text.count("<script") == 1
        for forbidden in ("<style", " style=", " onclick", "http://", "//cdn"):
            assert forbidden not in text.replace("http://www.w3.org", "")
