"""The page: what it shows of verdicts, what a judgement does, what hostile documents cannot do."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from pipeline.local_page.guard import form_token
from pipeline.storage.storage import LocalStorage
from schemas.audit import AUDIT, AUDIT_FILE
from schemas.identity import doc_id
from tests.pipeline.browse.conftest import TOKEN, write_run

NEAR = {"stage": "web.dedup", "verdict": "near", "domain": "b.example"}
HOSTILE = {"stage": "web.dedup", "verdict": "near", "domain": "evil"}


def judge(client: TestClient, answer: str, **query: str) -> Any:
    """Open a document and press a button; the response."""
    page = client.get("/look", params=query).text
    shard, row = (re.search(rf'name="{name}" value="(\d+)"', page) for name in ("shard", "row"))
    assert shard is not None
    assert row is not None
    form = {"csrf": form_token(TOKEN), "answer": answer, "shard": shard[1], "row": row[1], **query}
    return client.post("/judge", data=form)


def audit(run: Path) -> list[dict[str, Any]]:
    return pq.read_table(run / AUDIT_FILE).to_pylist() if (run / AUDIT_FILE).exists() else []


def row_of(page: str, stage: str, reason: str) -> list[str]:
    """The cells of the overview's row of a stage and reason."""
    part = page.partition(f">{stage}</a>")[2]
    found = re.search(rf">{reason}</a></td>(.*?)</tr>", part, re.DOTALL)
    assert found is not None
    cells = re.findall(r"<td[^>]*>(.*?)</td>", found[1], re.DOTALL)
    return [re.sub("<[^>]+>", "", cell) for cell in cells]


def test_the_overview_counts_every_verdict(client: TestClient) -> None:
    """By stage and reason, with what is still to judge: never more than there are."""
    page = client.get("/").text
    assert row_of(page, "web.dedup", "exact") == ["31", "36.5 %", "–", "–", "–", "31"]
    assert row_of(page, "github.rules", "kept")[0] == "20"
    assert row_of(page, "github.rules", "vendored")[0] == "5"
    assert "web.recall" in page


def test_a_near_duplicate_stands_beside_the_kept_one(client: TestClient) -> None:
    """With the words that differ marked."""
    page = client.get("/look", params=NEAR).text
    assert "90.0 % similar to the kept" in page
    assert "https://a.example/kept" in page
    assert "<mark>the kept</mark>" in page
    assert "<mark>another</mark>" in page
    assert "1 line differs" in page


def test_code_has_colours_and_a_page_its_formulas(client: TestClient) -> None:
    """By the language that a stage found; formulas as MathML, without what they smuggle."""
    page = client.get("/look", params={"stage": "github.rules", "verdict": "kept"}).text
    assert '<span class="k">def</span>' in page
    page = client.get("/look", params={"stage": "web.dedup", "language": "de"}).text
    assert "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>" in page
    assert "be $5 and" in page
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in page
    assert 'href="javascript' not in page
    plain = client.get("/look", params={"stage": "web.dedup", "language": "de", "plain": "1"}).text
    assert r"$\frac{a}{b}$" in plain


def test_a_judgement_is_written_at_once_and_the_next_document_shown(
    client: TestClient, run: Path
) -> None:
    """With stage, reason, document and author; the rates follow."""
    response = judge(client, "wrong", **NEAR)
    assert response.status_code == 303
    assert "at=1" in response.headers["location"]
    (row,) = audit(run)
    assert pq.read_schema(run / AUDIT_FILE).names == AUDIT.names
    assert row | {"date": None} == {
        "stage": "web.dedup",
        "reason": "near",
        "doc_id": doc_id("https://b.example/near"),
        "wrong": True,
        "author": "ada",
        "date": None,
    }
    judge(client, "right", **HOSTILE)
    assert row_of(client.get("/").text, "web.dedup", "near") == [
        "2", "2.4 %", "2", "50.0 %", "9.5 to 90.5 %", "enough",
    ]  # fmt: skip


def test_of_two_judgements_the_last_counts_and_undo_takes_it_back(
    client: TestClient, run: Path, connect: Callable[[], TestClient]
) -> None:
    """Down to an empty table; another session sees what was written."""
    judge(client, "wrong", **NEAR)
    judge(client, "right", **NEAR)
    assert [row["wrong"] for row in audit(run)] == [True, False]
    assert row_of(connect().get("/").text, "web.dedup", "near")[2:4] == ["1", "0 %"]
    form = {"csrf": form_token(TOKEN), **NEAR, "at": "1"}
    assert client.post("/undo", data=form).status_code == 303
    assert [row["wrong"] for row in audit(run)] == [True]
    client.post("/undo", data=form)
    client.post("/undo", data=form)
    assert audit(run) == []


def test_undo_never_takes_back_what_another_wrote(
    client: TestClient, run: Path, connect: Callable[[], TestClient]
) -> None:
    """It says so, and leaves the file alone."""
    judge(client, "wrong", **NEAR)
    judge(connect(), "wrong", **HOSTILE)
    response = client.post("/undo", data={"csrf": form_token(TOKEN)})
    assert response.status_code == 404
    assert "others judged meanwhile" in response.text
    assert len(audit(run)) == 2


def test_a_kept_document_is_judged_without_a_reason(client: TestClient, run: Path) -> None:
    """The reason of `kept` is null."""
    judge(client, "wrong", stage="web.recall", verdict="kept")
    assert audit(run)[0]["reason"] is None


def test_hostile_text_is_shown_and_never_rendered(client: TestClient) -> None:
    """Neither its HTML nor characters that turn the direction of what follows."""
    page = client.get("/look", params=HOSTILE).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;�gnp" in page
    assert "&lt;/pre&gt;&lt;img src=x onerror=alert(2)&gt;� {{ 7 * 7 }} � &amp; done" in page
    assert page.count("<script") == 1
    for forbidden in ("<style", " style=", " onclick", "//cdn"):
        assert forbidden not in page


def test_a_line_of_megabytes_is_cut(client: TestClient) -> None:
    """The page stays small; more is shown on request."""
    query = {"stage": "web.dedup", "domain": "long"}
    page = client.get("/look", params=query).text
    assert len(page) < 50_000
    assert "3,000,000 characters" in page
    assert "2,990,000 characters more" in page
    address = re.search(r'data-key="m" href="([^"]+)"', page)
    assert address is not None
    more = client.get(unescape(address[1])).text
    assert "2,900,000 characters more" in more
    assert len(more) < 50_000


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("stage=web.dedup&verdict=dropped", 33),
        ("stage=web.dedup&verdict=kept&language=de", 1),
        ("stage=web.recall&measure=recall.score_code&low=0.9", 7),
        ("stage=web.recall&measure=recall.score_code&low=0.9&high=0.93", 3),
        ("stage=github.rules&language=JavaScript&domain=SHAPES", 5),
        ("stage=github.rules&verdict=nothing", 0),
    ],
)
def test_filters_choose(client: TestClient, query: str, n: int) -> None:
    """By verdict, language, domain or repository, and a band of a measure."""
    page = client.get(f"/look?{query}").text
    assert f"{n} documents, all there are" in page
    assert ("No document is like this" in page) is (n == 0)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/look?stage=web.nothing", 404, "no stage &#39;web.nothing&#39; with verdicts"),
        ("/look?stage=web.dedup&at=999999", 200, "85 of 85"),
        ("/look?stage=web.dedup&seed=x&size=99&low=nan", 200, "1 of 85"),
    ],
)
def test_wrong_addresses_are_explained(
    client: TestClient, path: str, status: int, message: str
) -> None:
    """Never a traceback."""
    response = client.get(path)
    assert (response.status_code, message in response.text) == (status, True)


@pytest.mark.parametrize(
    "change", [{"answer": "maybe"}, {"stage": "none"}, {"row": "99999"}, {"shard": "7"}]
)
def test_only_verdicts_of_the_run_are_judged(
    client: TestClient, run: Path, change: dict[str, str]
) -> None:
    """Nothing else enters the file."""
    form = {"csrf": form_token(TOKEN), **NEAR, "answer": "wrong", "shard": "0", "row": "2"}
    assert client.post("/judge", data={**form, **change}).status_code == 404
    assert not (run / AUDIT_FILE).exists()


def test_a_run_made_anew_is_noticed(client: TestClient, run: Path) -> None:
    """What is shown would belong to another document."""
    query = {"stage": "web.dedup", "verdict": "kept", "seed": "1"}
    client.get("/look", params=query)
    storage = LocalStorage(run)
    pages = [[], []]
    write_run(run, pages)
    assert storage.exists("web/documents/00000.parquet")
    assert client.get("/look", params=query).status_code in (404, 409)


def test_a_damaged_table_is_reported(client: TestClient, run: Path) -> None:
    """With what to do; never a traceback."""
    path = run / "web/dedup/00000.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    response = client.get("/look", params={"stage": "web.dedup"})
    assert response.status_code == 409
    assert "`sluice verify` names what is damaged" in response.text
