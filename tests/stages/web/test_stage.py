"""The web source from file to documents."""

import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.identity import doc_id
from stages.contract import Input, MapStage, Quarantined, Source
from stages.web.extract_stage import ExtractStage
from stages.web.options import ExtractOptions, WebOptions
from stages.web.reading import records as reading
from stages.web.stage import WebSource
from tests.stages.web.one_input import HTML, PROSE, http, member, run

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "web"


def test_protocols() -> None:
    """Both classes are what the contract asks for."""
    assert isinstance(WebSource(WebOptions()), Source)
    assert isinstance(ExtractStage(ExtractOptions()), MapStage)


def test_document() -> None:
    """Every column of a page follows from its record."""
    data = member(http(HTML, "Content-Type: text/html; charset=UTF-8"))
    (document,), others = run("a.warc.gz", data)
    text = document.pop("text")
    assert text.endswith("\n\n```\nx = 1\n```")
    assert others == []
    assert document == {
        "doc_id": doc_id("a.warc.gz:0"),
        "uri": "http://www.example.org/a",
        "kind": "page",
        "n_bytes": len(text.encode()),
        "url": "http://www.example.org/a",
        "host": "www.example.org",
        "domain": "example.org",
        "title": "T",
        "natural_language": "en",
        "crawled_at": datetime(2024, 5, 18, 1, 2, 3, tzinfo=UTC),
        "http_charset": "utf-8",
        "n_code_blocks": 1,
        "n_formulas": 0,
        "warc": "a.warc.gz",
        "warc_offset": 0,
        "warc_length": len(data),
        "truncated": False,
        "code_languages": [],
        "n_code_bytes": 5,
        "n_code_spans": 0,
        "n_expressions": 0,
    }


def test_arc() -> None:
    """A page of an ARC file is a document like any other."""
    block = http(HTML, "Content-Type: text/html;; charset=utf-8")
    line = b"http://www.example.org/a 10.1.2.3 20091231235959 text/html %d\n" % len(block)
    head = b"filedesc://a.arc.gz 0.0.0.0 20091231000000 text/plain 4\n1 0 \n\n"
    data = gzip.compress(line + block + b"\n")
    (document,), others = run("a.arc.gz", gzip.compress(head) + data)
    assert others == []
    assert document["url"] == "http://www.example.org/a"
    assert document["crawled_at"] == datetime(2009, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (document["warc_offset"], document["warc_length"]) == (
        len(gzip.compress(head)),
        len(data),
    )


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Encoding: gzip"], gzip.compress(gzip.compress(HTML))),
        (["Content-Encoding: gzip", "Content-Encoding: gzip"], gzip.compress(HTML)),
        ([], gzip.compress(HTML[:40]) + gzip.compress(HTML[40:])),
        (["Content-Encoding: deflate"], gzip.compress(HTML)),
        (["Content-Encoding: utf-8"], HTML),
    ],
)
def test_compressed_otherwise_than_said(headers: list[str], body: bytes) -> None:
    """A page compressed twice, silently or under another label is read."""
    (document,), others = run("a.warc.gz", member(http(body, "Content-Type: text/html", *headers)))
    assert (document["n_code_blocks"], others) == (1, [])


@pytest.mark.parametrize(
    ("size", "headers", "truncated"),
    [
        (500, [], False),
        (500, ["WARC-Truncated: length"], True),
        (500, ["WARC-Truncated: disconnect"], True),
        (500, ["WARC-Truncated:"], False),
        (1 << 20, [], True),
        (5 << 20, [], True),
        ((1 << 20) - 1, [], False),
    ],
)
def test_truncated(size: int, headers: list[str], truncated: bool) -> None:
    """That a page was cut its record says, or its length."""
    page = http(HTML.ljust(size), "Content-Type: text/html")
    (document,), _ = run(
        "a.warc.gz",
        member(page, "WARC-Target-URI: http://e.org/", *headers),
        max_record_bytes=8 << 20,
    )
    assert document["truncated"] is truncated


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (member(http(HTML, "Content-Type: text/html", status="404 Not Found")), "http_status"),
        (member(http(b"", "Location: /", status="301 Moved")), "redirect"),
        (member(http(b"%PDF-1.4", "Content-Type: application/pdf")), "not_html"),
        (member(http(b"%PDF-1.4", "Content-Type: text/html")), "not_html"),
        (member(http(b"just text")), "not_html"),
        (member(http(b"", "Content-Type: text/html")), "empty_body"),
        (member(http(b"\r\n ", "Content-Type: text/html")), "empty_body"),
        (member(http(b"<html><script>x</script>", "Content-Type: text/html")), "empty_text"),
        (member(http(HTML, "Content-Type: text/html"), "X: y"), "no_url"),
        (member(HTML), "no_http_header"),
        (member(http(HTML + b" " * 70_000, "Content-Type: text/html")), "too_large"),
        (
            member(
                http(
                    gzip.compress(HTML * 100),
                    "Content-Type: text/html",
                    "Content-Encoding: gzip",
                )
            ),
            "too_large",
        ),
    ],
)
def test_skipped(data: bytes, reason: str) -> None:
    """What is no page is counted by reason, and its neighbours are read."""
    page = member(http(HTML, "Content-Type: text/html"))
    documents, others = run("a.warc.gz", page + data + page, max_record_bytes=50_000)
    assert (len(documents), others) == (2, [reason])


def test_no_response() -> None:
    """Records that are no responses are not pages, and are not counted."""
    kinds = ("warcinfo", "request", "metadata", "resource", "revisit", "dns")
    assert run("a.warc.gz", b"".join(member(b"x: y", kind=kind) for kind in kinds)) == ([], [])
    dns = member(b"1.2.3.4", "WARC-Target-URI: dns:e.org", "Content-Type: text/dns")
    assert run("a.warc.gz", dns) == ([], [])


@pytest.mark.parametrize(
    ("http_headers", "warc_headers"),
    [
        ([], []),
        (["Content-Type: "], []),
        (["Content-Type: unk"], ["WARC-Identified-Payload-Type: application/xhtml+xml"]),
        (["Content-Type: text/html", "Content-Length: 3"], []),
        (["Content-Type: text/html", "Transfer-Encoding: chunked"], []),
        (["Content-Type: text/html", "Content-Encoding: gzip"], []),
    ],
)
def test_headers_missing_or_wrong(http_headers: list[str], warc_headers: list[str]) -> None:
    """A page is recognised and read whole whatever its headers claim."""
    data = member(http(HTML, *http_headers), "WARC-Target-URI: <http://e.org/>", *warc_headers)
    documents, others = run("a.warc.gz", data)
    assert others == []
    assert [document["n_code_blocks"] for document in documents] == [1]


XHTML = (
    "<html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='a.js'/></head><body>"
    "<p><a id='top'/>The first <![CDATA[<part>]]> of it, which is all that the page has to say.</p>"
    "</body></html>"
)


@pytest.mark.parametrize("mime", ["application/xhtml+xml", "application/xml", "text/xml"])
def test_xhtml_by_its_type(mime: str) -> None:
    """A page served as XML is parsed as XML, where `<title/>` is empty; a feed is no page."""
    page = member(http(XHTML.encode(), f"Content-Type: {mime}; charset=utf-8"))
    documents, others = run("a.warc.gz", page)
    assert others == []
    assert "The first <part> of it" in documents[0]["text"]
    untyped = member(http(f"<?xml version='1.0'?>\n{XHTML}".encode()))
    assert run("a.warc.gz", untyped)[0][0]["text"] == documents[0]["text"]
    feed = member(
        http(b"<?xml version='1.0'?><feed><title>x</title></feed>", "Content-Type: text/xml")
    )
    assert run("a.warc.gz", feed)[0] == []


def test_broken_member() -> None:
    """A broken member is quarantined with its origin, offset and first bytes."""
    page = member(http(HTML, "Content-Type: text/html"))
    broken = page[:60] + b"\0" * 30 + page[90:]
    documents, others = run("a.warc.gz", page + broken + page)
    assert [document["warc_offset"] for document in documents] == [0, 2 * len(page)]
    (found,) = others
    assert isinstance(found, Quarantined)
    assert (found.origin, found.reason) == (f"a.warc.gz:{len(page)}", "broken_member")
    assert (found.offset, found.head[:20]) == (len(page), page[:20])


@pytest.mark.parametrize(
    "date",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "99999-01-01T00:00:00Z",
        "2024-13-45T00:00:00Z",
        "-5",
        "2024" * 1000,
        "",
    ],
)
def test_impossible_date(date: str) -> None:
    """A page whose date is none, or none that UTC has, is a page without one."""
    page = member(http(HTML, "Content-Type: text/html"))
    headers = ["WARC-Target-URI: http://e.org/", f"WARC-Date: {date}", "WARC-Date: 2024-05-18"]
    odd = gzip.decompress(member(http(HTML, "Content-Type: text/html"), *headers))
    odd = odd.replace(b"WARC-Date: 2024-05-18T01:02:03Z\r\n", b"", 1)
    documents, others = run("a.warc.gz", page + gzip.compress(odd) + page)
    assert others == []
    assert [document["crawled_at"] is None for document in documents] == [False, True, False]


@pytest.mark.parametrize(
    "url",
    [
        "http://e.org/" + "x" * 5_000,
        "http://" + "a." * 200 + "org/",
        "http://" + "a" * 300 + ".org/",
        "http://[::1/",
        "http://e.org:99999999/",
        "not an address",
    ],
)
def test_impossible_url(url: str) -> None:
    """An address no page can have is none; the neighbours are read."""
    page = member(http(HTML, "Content-Type: text/html"))
    odd = member(http(HTML, "Content-Type: text/html"), f"WARC-Target-URI: {url}")
    documents, others = run("a.warc.gz", page + odd + page)
    assert (len(documents), others) == (2, ["no_url"])
    rows = [{"url": "http://e.org/", "text": "a"}, {"url": url, "text": "b"}]
    documents, others = run("a.jsonl", "\n".join(map(json.dumps, rows)).encode())
    assert (len(documents), others) == (1, ["no_url"])


def test_names_that_are_no_text() -> None:
    """A file whose name is no UTF-8 is read under a name that is."""
    page = member(http(HTML, "Content-Type: text/html"))
    names = [
        run(name, page)[0][0]["warc"] for name in ("a\udcff.warc.gz", "a\udcfe.warc.gz", "\ud800")
    ]
    assert len({name.encode() for name in names}) == 3


def test_everything_a_page_brings_is_bounded() -> None:
    """Titles, charsets and types of megabytes are cut."""
    html = f"<html><head><title>{'t' * 2_000_000}</title></head><body>{PROSE}".encode()
    data = member(
        http(html, f"Content-Type: text/html; charset={'c' * 50_000}"),
        *("WARC-Target-URI: http://e.org/", f"WARC-Identified-Payload-Type: {'i' * 60_000}"),
    )
    (document,), others = run("a.warc.gz", data)
    assert others == []
    assert len(document["title"]) == 1000
    assert len(document["http_charset"]) == 64


def test_what_may_expand_is_alone() -> None:
    """Records that are still compressed are not gathered with others."""
    coded = member(http(gzip.compress(HTML), "Content-Encoding: gzip", "Content-Type: text/html"))
    plain = member(http(HTML, "Content-Type: text/html"))
    source = WebSource(WebOptions())
    data = plain * 3 + coded * 3 + plain * 3
    events = list(source.read(Input("a.warc.gz", "", open=lambda: io.BytesIO(data))))
    assert [event.num_rows for event in events if isinstance(event, pa.RecordBatch)] == [
        *(3, 1, 1, 1, 3)
    ]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("a.warc.gz", member(http(HTML, "Content-Type: text/html")), gzip.compress(b"x", mtime=0)),
        ("a.jsonl", b'{"url": "http://e.org/", "text": "a"}\n', b'{"a long but broken line": \n'),
    ],
)
def test_many_faults(name: str, good: bytes, bad: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many broken records the first are kept with their bytes, more without, and the rest
    of the input is one."""
    monkeypatch.setattr(reading, "MAX_FAULTS", 20)
    monkeypatch.setattr(reading, "MAX_FAULT_HEADS", 5)
    documents, others = run(name, good + bad * 30 + good)
    assert len(documents) == 1
    assert [bool(other.head) for other in others[:20]] == [True] * 5 + [False] * 15
    assert (len(others), others[-1].origin, others[-1].reason) == (21, f"{name}:rest", "too_many")
    documents, others = run(name, good + bad * 20 + good)
    assert (len(documents), len(others)) == (2, 20)


def test_batches_are_bounded() -> None:
    """Raw batches hold at most 64 records."""
    data = member(http(HTML, "Content-Type: text/html")) * 150
    source = WebSource(WebOptions())
    events = list(source.read(Input("a.warc.gz", "", open=lambda: io.BytesIO(data))))
    assert [event.num_rows for event in events if isinstance(event, pa.RecordBatch)] == [64, 64, 22]


def test_real_pages() -> None:
    """Of the first real pages, those that are scorable become documents, the others none."""
    crawl = DATA / "crawl"
    if not crawl.exists():
        pytest.skip("no shared data")
    name = "CC-MAIN-2024-22-20240517233122-20240518023122-00000.warc.gz"
    with (crawl / name).open("rb") as stream:
        documents, others = run(name, stream.read(1_000_000))
    labels = {
        row["offset"]: row
        for row in pq.read_table(crawl / "labels.parquet").to_pylist()
        if row["warc"] == name
    }
    assert len(documents) > 100
    for document in documents:
        label = labels[document["warc_offset"]]
        assert label["scorable"]
        assert document["warc_length"] == label["length"]
    assert {other for other in others if isinstance(other, str)} <= {
        *("http_status", "redirect", "not_html", "empty_body", "empty_text"),
    }
