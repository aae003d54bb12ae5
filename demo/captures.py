"""From pages to what a crawler captured: responses with the nuisances of real crawls.

Which pages are captured twice, with tracking parameters, behind a redirect or not at all follows
from the hash of the address, in small numbers (about 2 % each).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from demo.pages import Page, render, url_hash

FIRST = datetime(2025, 6, 9, tzinfo=UTC)
WINDOW_SECONDS = 12 * 24 * 3600
"""Every capture lies in these twelve days."""

HTML_TYPE = "text/html; charset=utf-8"
TRACKING = "utm_source=newsletter&utm_medium=email&utm_campaign=june"
N_MISSING = 20
N_PDF = 4


@dataclass(frozen=True)
class Capture:
    """One response: `body` makes its bytes; `number` counts the captures of one address."""

    url: str
    body: Callable[[], bytes]
    number: int = 0
    status: str = "200 OK"
    content_type: str = HTML_TYPE
    location: str = ""

    @property
    def order(self) -> int:
        """Where a crawl puts it: a hash of the address and of the count."""
        return url_hash(f"{self.url}#{self.number}" if self.number else self.url)

    def payload(self) -> bytes:
        """Its bytes, made now."""
        return self.body()

    @property
    def date(self) -> datetime:
        """When it was captured, a function of the address and the count."""
        return FIRST + timedelta(seconds=self.order % WINDOW_SECONDS)


def captures(pages: Iterable[Page]) -> Iterator[Capture]:
    """Every page once, and the nuisances."""
    missing = pdf = 0
    for page in sorted(pages, key=lambda page: (url_hash(page.url), page.url)):
        body = partial(_page_bytes, page)
        draw = url_hash(page.url) % 200
        yield Capture(page.url, body)
        if draw < 4:
            yield Capture(page.url, body, number=1)
        elif draw < 8:
            joined = "&" if "?" in page.url else "?"
            yield Capture(f"{page.url}{joined}{TRACKING}", body)
        elif draw < 12:
            old = page.url.replace("https://", "http://", 1)
            moved = partial(_notice, "301 Moved Permanently")
            yield Capture(old, moved, status="301 Moved Permanently", location=page.url)
        elif draw < 20 and missing < N_MISSING:
            missing += 1
            gone = partial(_notice, "404 Not Found")
            yield Capture(f"{page.home}missing/{_slug(page)}", gone, status="404 Not Found")
        elif draw < 24 and pdf < N_PDF:
            pdf += 1
            url = f"{page.home}_downloads/{_slug(page)}.pdf"
            body = partial(_pdf, page.title)
            yield Capture(url, body, content_type="application/pdf")


def _slug(page: Page) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", page.title).strip("-").lower()


def _page_bytes(page: Page) -> bytes:
    return render(page).encode("utf-8", "replace")


def _notice(status: str) -> bytes:
    text = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    return text.encode()


def _pdf(title: str) -> bytes:
    """A PDF of one page with one line (ISO 32000-1, 7.5)."""
    text = title.encode("ascii", "replace").replace(b"(", b"[").replace(b")", b"]")
    stream = b"BT /F1 18 Tf 72 720 Td (" + text + b") Tj ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + (
        b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    )
