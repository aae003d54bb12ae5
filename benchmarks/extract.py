"""HTML to text: what survives of formulas, code and text, and how fast, for us and our peers.

    python benchmarks/extract.py [--wcxb] [--crawl N] [--large N] [--only NAME,…] [--misses NAME]

Quality is measured on `../shared/data/web/extraction_gold` (formulas as multisets without blanks,
code blocks verbatim, text F1 by words with ideographs one by one) and, with `--wcxb`, word F1 on
the WCXB development pages by type. Speed is CPU time over the pages of the gold, over `--crawl N`
pages of the development crawl, over `--large N` of those that have 60 kB and more. All extractors
see the same pages in one run; peers that are not installed are left out. "everything" is our writer
with all of a page kept. `--misses` prints what one extractor lost.
"""

import argparse
import gzip
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.corpora import WEB, read_rows
from benchmarks.corpora.documents import read_pages
from stages.web.extract import extract
from stages.web.markdown.write import write
from stages.web.tree.build import build

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "web"
Extractor = Callable[[str], str]
Row = dict[str, Any]

_DELIMITED = re.compile(
    r"\\\((.+?)\\\)|\\\[(.+?)\\\]|\$\$(.+?)\$\$|\$(?!\s)([^$\n]+?)(?<![\s\\])\$|"
    r"(\\begin\{(equation|align|gather|multline|eqnarray|alignat)(\*?)\}.+?\\end\{\6\7\})",
    re.S,
)
_TOKEN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\\W_]+")
_BLANKS = re.compile(r"\s+")
LARGE_BYTES = 60_000
"""Pages with so many have 108 kB in the mean, as a crawl's have."""
_NO_TEXT_GOLD = 40
"""A gold of fewer characters is none."""


def main() -> None:
    """Print one table of quality and speed, and by origin and page type where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--wcxb", action="store_true")
    parser.add_argument("--crawl", type=int, default=0)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--misses", default="")
    options = parser.parse_args()
    rows = read_gold()
    extractors = {
        name: extractor
        for name, extractor in all_extractors().items()
        if not options.only or name in options.only.split(",")
    }
    print("| extractor | formulas kept | code verbatim | text F1 | pages/s CPU |")
    print("|---|--:|--:|--:|--:|")
    for name, extractor in extractors.items():
        texts = [extractor(row["html"]) for row in rows]
        begun = time.process_time()
        for row in rows:  # once more: kernels and tables are loaded
            extractor(row["html"])
        seconds = time.process_time() - begun
        formulas, code, f1 = score(rows, texts, name == options.misses)
        print(f"| {name} | {formulas:.4f} | {code:.4f} | {f1:.4f} | {len(rows) / seconds:.0f} |")
    if options.wcxb:
        for name, extractor in extractors.items():
            print(name, score_wcxb(read_wcxb(), extractor), flush=True)
    if options.crawl:
        time_all("crawl", list(islice(read_crawl(), options.crawl)), extractors)
    if options.large:
        large = (html for html in read_crawl() if len(html.encode()) >= LARGE_BYTES)
        time_all("large", list(islice(large, options.large)), extractors)


def time_all(kind: str, pages: list[str], extractors: dict[str, Extractor]) -> None:
    """Print how many pages each extractor does in a second of CPU: the best of three turns, which
    they take one after another."""
    seconds: dict[str, float] = defaultdict(lambda: float("inf"))
    for _ in range(3):
        for name, extractor in extractors.items():
            begun = time.process_time()
            for html in pages:
                extractor(html)
            seconds[name] = min(seconds[name], time.process_time() - begun)
    n_bytes = sum(len(html.encode("utf-8", "replace")) for html in pages)
    print(f"{kind}: {len(pages)} pages of {n_bytes / max(1, len(pages)) / 1000:.0f} kB")
    for name in extractors:
        print(name, f"{len(pages) / seconds[name]:.0f} {kind} pages/s CPU")


def all_extractors() -> dict[str, Extractor]:
    """Ours, the writer with all of the page kept, and the peers that are installed."""
    found: dict[str, Extractor] = {
        "sluice": lambda html: extract(html).text,
        "everything": lambda html: write(build(html.encode("utf-8", "replace"))).text,
    }
    if find_spec("resiliparse"):
        from resiliparse.extract.html2text import extract_plain_text  # noqa: PLC0415

        found["resiliparse"] = lambda html: extract_plain_text(html, main_content=True)
    if find_spec("trafilatura"):
        import trafilatura  # noqa: PLC0415

        found["trafilatura"] = lambda html: trafilatura.extract(html) or ""
    return found


def read_gold() -> list[Row]:
    """The development gold."""
    with gzip.open(DATA / "extraction_gold" / "dev.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def read_wcxb() -> Iterator[Row]:
    """The development pages of WCXB."""
    return read_rows(WEB)


def read_crawl() -> Iterator[str]:
    """The HTML pages of the development crawl, decoded."""
    for path in sorted((DATA / "crawl").glob("*.warc.gz")):
        yield from read_pages(path)


def score(rows: list[Row], texts: list[str], show: bool) -> tuple[float, float, float]:
    """Shares of formulas and code blocks kept, and mean text F1."""
    kept = Counter[str]()
    f1 = []
    for row, text in zip(rows, texts, strict=True):
        gold = Counter(_squeeze(tex) for tex in row.get("gold_math") or [])
        missing = gold - formulas_in(text) if gold else gold
        code = [block for block in row.get("gold_code") or [] if block.strip()]
        lost = [block for block in code if _trim(block) not in _trim(text)]
        kept.update(formulas=gold.total(), formulas_lost=missing.total())
        kept.update(code=len(code), code_lost=len(lost))
        if len((row.get("gold_text") or "").strip()) >= _NO_TEXT_GOLD:
            f1.append(text_f1(row["gold_text"], text))
        if show and (missing or lost):
            print(f"# {row['url']} {row['origin']}: {missing.total()} of {gold.total()} formulas, "
                  f"{len(lost)} of {len(code)} blocks")  # fmt: skip
            print(*(f"    {tex[:150]}" for tex in list(missing)[:4]), sep="\n")
            print(*(f"    {block[:150]!r}" for block in lost[:2]), sep="\n")
    return (
        1 - kept["formulas_lost"] / max(1, kept["formulas"]),
        1 - kept["code_lost"] / max(1, kept["code"]),
        sum(f1) / max(1, len(f1)),
    )


def formulas_in(text: str) -> Counter[str]:
    """The formulas between delimiters, without blanks; each environment also by itself."""
    found = Counter[str]()
    for match in _DELIMITED.finditer(text):
        tex = next(group for group in match.groups() if group is not None)
        found[_squeeze(tex)] += 1
    return found


def _squeeze(tex: str) -> str:
    return _BLANKS.sub("", tex)


def _trim(block: str) -> str:
    lines = block.replace("\u00a0", " ").replace("\r\n", "\n").strip("\n").split("\n")
    return "\n".join(line.rstrip() for line in lines)


def text_f1(gold: str, text: str) -> float:
    """F1 of the multisets of words, an ideograph being a word."""
    a, b = Counter(_TOKEN.findall(gold.lower())), Counter(_TOKEN.findall(text.lower()))
    common = (a & b).total()
    return 2 * common / max(1, a.total() + b.total())


def score_wcxb(pages: Iterator[Row] | list[Row], extractor: Extractor) -> str:
    """Mean word F1 over all pages and by type."""
    by_type: dict[str, list[float]] = defaultdict(list)
    for page in pages:
        gold = Counter(re.findall(r"\w+", page["main_content"].lower()))
        found = Counter(re.findall(r"\w+", extractor(page["html"]).lower()))
        by_type[page["page_type"]].append(
            2 * (gold & found).total() / max(1, gold.total() + found.total())
        )
    every = [f1 for f1s in by_type.values() for f1 in f1s]
    means = ", ".join(f"{kind} {sum(f1s) / len(f1s):.3f}" for kind, f1s in sorted(by_type.items()))
    return f"WCXB {sum(every) / len(every):.4f} ({means})"


if __name__ == "__main__":
    main()
