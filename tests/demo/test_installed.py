"""The crawl of what is installed: complete, deterministic, made of ordinary WARC records."""

import json
from collections import Counter
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from demo import installed
from demo.captures import captures
from demo.installed import crawl_installed, crawl_table, installed_pages, write_captures
from demo.pages import Page, render

FEW = ("numpy.random", "sortedcontainers.*", "datasketch.*", "math", "array")


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    """The ordinary pages and those of a few packages: reading all of them takes 10 s."""
    table = crawl_table()
    sites = tuple(site for site in table.site if site.modules[0] in FEW)
    return list(installed_pages(table.model_copy(update={"site": sites})))


def _subset(pages: list[Page]) -> list[Page]:
    return sorted(pages, key=lambda page: page.url)[::40]


def _records(paths: list[Path]) -> list[tuple[str, str | None, str | None, bytes]]:
    out = []
    for path in paths:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                headers, http = record.rec_headers, record.http_headers
                status = http.get_statuscode() if record.rec_type == "response" else None
                uri = headers.get_header("WARC-Target-URI")
                out.append((record.rec_type, uri, status, record.content_stream().read()))
    return out


def test_both_kinds_of_pages(pages: list[Page]) -> None:
    """There are reference pages and ordinary pages, and each address occurs once."""
    frames = Counter(page.frame for page in pages)
    assert frames["docs"] > 80
    assert frames["page"] > 300
    assert len(pages) == len({page.url for page in pages})


def test_same_pages_same_bytes(pages: list[Page], tmp_path: Path) -> None:
    """Writing a subset twice gives the same bytes."""
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        paths = [tmp_path / name / f"CC-MAIN-DEMO-{number:05d}.warc.gz" for number in range(2)]
        write_captures(list(captures(_subset(pages))), paths)
        made.append([path.read_bytes() for path in paths])
    assert made[0] == made[1]


def test_records_parse_back(pages: list[Page], tmp_path: Path) -> None:
    """warcio reads every page back, after its request and before its metadata."""
    chosen = _subset(pages)
    paths = [tmp_path / f"CC-MAIN-DEMO-{number:05d}.warc.gz" for number in range(2)]
    seen: list[tuple[int, int]] = []
    write_captures(list(captures(chosen)), paths, lambda done, total: seen.append((done, total)))
    records = _records(paths)
    kinds = [kind for kind, _, _, _ in records if kind != "warcinfo"]
    assert kinds == ["request", "response", "metadata"] * (len(kinds) // 3)
    assert seen[-1][0] == seen[-1][1] == len(kinds) // 3
    bodies = {uri: body for kind, uri, status, body in records if status == "200"}
    for page in chosen:
        assert bodies[page.url] == render(page).encode()
    assert not list(tmp_path.glob("*.partial"))


def test_nuisances(pages: list[Page]) -> None:
    """Addresses captured twice, tracked, moved, missing and not HTML occur, but rarely."""
    made = list(captures(pages))
    assert sum(capture.number == 1 for capture in made) >= 3
    assert sum("utm_source" in capture.url for capture in made) >= 3
    assert sum(capture.status.startswith("301") for capture in made) >= 3
    assert sum(capture.status.startswith("404") for capture in made) >= 5
    assert sum(capture.content_type == "application/pdf" for capture in made) >= 1
    assert len(made) < 1.1 * len(pages)
    assert all(" " not in capture.url for capture in made)


def test_pages_name_no_address_in_memory(pages: list[Page]) -> None:
    """Nothing that changes from process to process reaches a page read by import."""
    numpy_pages = [page for page in pages if page.host == "numpy.org"]
    assert numpy_pages
    assert not any(" at 0x7" in render(page) for page in numpy_pages[::20])


def test_current_crawl_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call with the same environment writes nothing; a changed one writes anew."""
    page = Page("https://a.example/", "A", "Site", "https://a.example/", "page", lambda: "<p>A</p>")
    monkeypatch.setattr(installed, "installed_pages", lambda _: iter([page]))
    paths = crawl_installed(tmp_path)
    before = [path.stat().st_mtime_ns for path in paths]
    assert crawl_installed(tmp_path) == paths
    assert [path.stat().st_mtime_ns for path in paths] == before
    mark = tmp_path / "crawl.json"
    changed = json.loads(mark.read_text())
    changed["fingerprint"]["python"] = "another"
    mark.write_text(json.dumps(changed))
    crawl_installed(tmp_path)
    assert [path.stat().st_mtime_ns for path in paths] != before


@pytest.mark.slow
def test_whole_crawl(tmp_path: Path) -> None:
    """The full crawl parses back, with all of its hosts."""
    paths = crawl_installed(tmp_path)
    found = [(uri, body) for _, uri, status, body in _records(paths) if status == "200"]
    assert 1_500 <= len({uri for uri, _ in found}) <= 2_600
    assert len({(uri or "").split("/")[2] for uri, _ in found}) >= 12
    assert sum(b'class="math notranslate' in body for _, body in found) >= 100
    assert sum(b'class="highlight' in body for _, body in found) >= 500
