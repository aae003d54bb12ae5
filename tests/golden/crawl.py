"""A crawl, seeds of two targets and their negatives, and a benchmark.

Responses are written by hand and stored, not compressed: an offset in a WARC is part of what the
web's source writes.
"""

import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.golden.words import ADDRESS, EMAIL, PROBLEMS, changed, lines, words

Page = tuple[str, bytes]
"""URL and HTTP response."""

SITES = {"code": "codehub.org", "math": "mathhub.org", "other": "gardening.org"}
N_PAGES, N_SEEDS = 18, 16
FORMULA = "<math><mi>x</mi><mo>+</mo><msup><mi>y</mi><mn>2</mn></msup></math>"
LATEX = r"<p>Let $a^2 + b^2 = c^2$ and \(e^{i\pi} = -1\) hold.</p>"
CODE = "<pre><code class='python'>for item in items:\n    print(item)\n</code></pre>"
ANNOTATIONS = """\
version = 1

[[pattern]]
target = "code"
pattern = "codehub.org/docs/0/"
accept = true
iteration = 1

[[pattern]]
target = "math"
pattern = "mathhub.org/notes/1/"
accept = false
iteration = 2
"""


def write_crawl(folder: Path) -> None:
    """Two WARC files, one plain, one of gzip members."""
    pages: tuple[list[Page], list[Page]] = ([], [])
    for topic, site in SITES.items():
        for n in range(N_PAGES):
            url = (
                f"https://{site}/{'docs' if topic == 'code' else 'notes'}/{n % 3}/{n}.html?b=2&a=1"
            )
            pages[n % 2].append((url, response(html(topic, f"page {n}", *_markup(topic, n)))))
    pages[0].extend(_planted_first())
    pages[1].extend(_planted_second())
    plain, packed = (list(_records(number, own)) for number, own in enumerate(pages))
    (folder / "crawl-0.warc").write_bytes(b"".join(plain))
    members = [_gzipped(record) for record in packed]
    members[3] = members[3][:60] + b"damaged" + members[3][67:-8] + bytes(8)
    (folder / "crawl-1.warc.gz").write_bytes(b"".join(members))


def write_seeds(folder: Path) -> None:
    """Seeds as HTML and as text, one broken row, a benchmark, decisions on patterns."""
    for topic in SITES:
        rows = []
        for n in range(N_SEEDS):
            form = {"html": html(topic, f"seed {n}", *_markup(topic, n))}
            if n % 4 == 3:
                form = {"text": " ".join(words(topic, f"seed {n}"))}
            rows.append({"url": f"https://{topic}{n % 5}.seeds.net/{n}", **form})
        rows.append({**rows[0], "url": f"https://{topic}9.seeds.net/again"})
        near = html(
            topic, "seed 0", *_markup(topic, 1), content=changed(words(topic, "seed 1"), 50)
        )
        rows.append({"url": f"https://{topic}8.seeds.net/near", "html": near})
        text = "".join(json.dumps(row) + "\n" for row in rows)
        broken = '{"url": "https://broken.net/", "html": \n' if topic == "other" else ""
        (folder / f"{topic}.jsonl").write_text(text + broken)
    (folder / "benchmarks").mkdir()
    items = [{"task_id": name, key: text} for name, (key, text) in PROBLEMS.items()]
    (folder / "benchmarks" / "tiny.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    (folder / "annotations.toml").write_text(ANNOTATIONS)


def html(topic: str, name: str, *more: str, content: list[str] | None = None) -> str:
    """A page of a topic, `more` behind its paragraphs."""
    paragraphs = lines(content or words(topic, name), 22)
    body = "".join(f"<p>{text}.</p>" for text in paragraphs) + "".join(more)
    navigation = "<nav><a href='/'>home</a> <a href='/all'>all pages</a></nav>"
    head = f"<head><title>{topic} {name}</title><style>p {{ margin: 0 }}</style></head>"
    return f"<html>{head}<body>{navigation}<main>{body}</main></body></html>"


def response(
    body: str | bytes,
    status: str = "200 OK",
    content_type: str = "text/html; charset=utf-8",
    *more: str,
) -> bytes:
    """An HTTP response."""
    data = body.encode() if isinstance(body, str) else body
    headers = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *more]
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + data


def _markup(topic: str, n: int) -> tuple[str, ...]:
    """What pages of a topic have besides words."""
    return {"code": (CODE,), "math": (LATEX, f"<p>{FORMULA}</p>")}.get(topic, ()) if n % 2 else ()


def _planted_first() -> Iterator[Page]:
    """Originals, the old capture, and responses that are no pages."""
    yield "https://codehub.org/blog/original", response(html("code", "twin"))
    yield "https://gardening.org/same", response(html("other", "same"))
    yield "http://codehub.org/blog/copied", response(html("code", "copied", CODE))
    yield (
        "https://mathhub.org/contact",
        response(html("math", "contact", f"<p>Write to {EMAIL} or ping {ADDRESS}.</p>")),
    )
    yield "https://gardening.org/gone", response("gone", "404 Not Found")
    yield "https://gardening.org/moved", response("", "302 Found", "text/html", "Location: /same")
    yield "https://gardening.org/data", response("a,b\n1,2\n", content_type="text/csv")
    yield "https://gardening.org/nothing", response("")
    yield "https://gardening.org/script", response("<script>var a = 1;</script>")
    yield "https://gardening.org/large", response("<p>" + "word " * 9000 + "</p>")


def _planted_second() -> Iterator[Page]:
    """Twins, problems, other languages, other ways to send a page."""
    near = changed(words("code", "twin"), 50)
    yield "https://codehub.org/blog/near", response(html("code", "twin", content=near))
    yield "https://gardening.org/same", response(html("other", "same again"))
    yield "https://www.codehub.org/blog/copied#top", response(html("code", "copied", CODE))
    solved = html("math", "solved", f"<p>{PROBLEMS['T/1'][1]}</p>")
    yield "https://mathhub.org/solved", response(solved)
    chinese = "".join(words("chinese", "page", 90))
    page = f"<html><head><meta charset=gbk><title>程序</title></head><p>{chinese}。</p></html>"
    yield "https://编程.org/one", response(page.encode("gbk"), "200 OK", "text/html")
    half = [*words("math", "half", 75), *words("other", "half", 35)]
    yield "https://halves.net/half", response(html("math", "half", LATEX, content=half))
    yield "https://gardening.org/copy", response(html("other", "page 0"))
    german = html("german", "page").encode("iso-8859-1")
    yield "https://blumen.org/eins", response(german, "200 OK", "text/html; charset=iso-8859-1")
    body = html("other", "chunked").encode()
    chunks = b"".join(
        f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (body[:200], body[200:], b"")
    )
    chunked = ("200 OK", "text/html", "Transfer-Encoding: chunked")
    yield "https://gardening.org/chunked", response(chunks, *chunked)
    packed = _gzipped(html("other", "packed").encode())
    yield (
        "https://gardening.org/packed",
        response(packed, "200 OK", "text/html", "Content-Encoding: gzip"),
    )


def _gzipped(data: bytes) -> bytes:
    """A gzip member, stored. (`gzip` writes another header with Python 3.13 than before.)"""
    return zlib.compress(data, 0, wbits=31)


def _records(number: int, pages: list[Page]) -> Iterator[bytes]:
    yield _record("warcinfo", "", b"software: golden\r\n", f"2024-05-1{number}T00:00:00Z", 0)
    for index, (url, block) in enumerate(pages, 1):
        yield _record("response", url, block, f"2024-05-1{number}T00:00:{index:02d}Z", index)


def _record(kind: str, url: str, block: bytes, date: str, number: int) -> bytes:
    lead = io.StringIO()
    lead.write(f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Date: {date}\r\n")
    lead.write(f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n")
    if url:
        lead.write(f"WARC-Target-URI: {url}\r\n")
    is_page = kind == "response"
    content = "application/http; msgtype=response" if is_page else "application/warc-fields"
    lead.write(f"Content-Type: {content}\r\nContent-Length: {len(block)}\r\n\r\n")
    return lead.getvalue().encode() + block + b"\r\n\r\n"
