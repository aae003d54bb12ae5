"""Rules: our kernels against the same measures in plain Python, on the same bytes in one run.

    python benchmarks/rules.py [FILES …]

Without files it reads the Python sources of the installed packages (at most 40 MB), and for
visible text the HTML files of `../shared/data/github` where present. CPU time, one core, best of
three; both sides' results are compared before they are timed.
"""

import re
import sys
import sysconfig
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from selectolax.lexbor import LexborHTMLParser

from stages.kernels.arrow import utf8_buffers
from stages.kernels.counting.text import count_text
from stages.kernels.counting.visible_text import HIDDEN_ELEMENTS, count_visible_characters
from stages.rules.options import RulesOptions
from stages.rules.stage import RulesStage

SOURCE_BYTES = 40_000_000
REPOSITORIES = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "github"
LINE_END = re.compile("\r\n|\r|\n")


def main() -> None:
    """Print MB/s of both sides and their ratio for each measure."""
    named = [Path(name) for name in sys.argv[1:]]
    sources = named or sorted(Path(sysconfig.get_path("purelib")).rglob("*.py"))
    texts = read_texts(sources, SOURCE_BYTES)
    array = pa.array(texts, pa.large_string())
    offsets, data = utf8_buffers(array)
    assert [tuple(row) for row in zip(*count_text(offsets, data), strict=True)] == [
        count_plainly(text) for text in texts
    ]
    report("characters, lines, letters", len(data), lambda: count_text(offsets, data), "Python",
           lambda: [count_plainly(text) for text in texts])  # fmt: skip

    batch = pa.record_batch({"text": array, "language": pa.repeat("Python", len(texts))})
    stage = RulesStage(RulesOptions())
    report("the whole stage, decide included", len(data), lambda: run(stage, batch), "Python",
           lambda: [decide_plainly(text) for text in texts])  # fmt: skip

    pages = read_pages()
    if pages:
        page_offsets, page_data = utf8_buffers(pa.array(pages, pa.large_string()))
        ours = count_visible_characters(page_offsets, page_data).tolist()
        theirs = [count_visible_plainly(page) for page in pages]
        equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
        print(f"visible text equal on {equal} of {len(pages)} pages")
        report("visible text", len(page_data),
               lambda: count_visible_characters(page_offsets, page_data), "selectolax",
               lambda: [count_visible_plainly(page) for page in pages])  # fmt: skip


def read_texts(paths: list[Path], limit: int) -> list[str]:
    """UTF-8 texts of the files, up to `limit` bytes."""
    texts: list[str] = []
    for path in paths:
        if limit <= 0:
            break
        raw = path.read_bytes()
        limit -= len(raw)
        try:
            texts.append(raw.decode())
        except UnicodeDecodeError:
            continue
    return texts


def read_pages() -> list[str]:
    """HTML files of the shared repositories."""
    pages = []
    for path in sorted(REPOSITORIES.glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith((".html", ".htm")):
                    stream = archive.extractfile(member)
                    pages.append(stream.read().decode("utf-8", "replace") if stream else "")
    return pages


def run(stage: RulesStage, batch: pa.RecordBatch) -> pa.Array:
    """Measure and decide."""
    measures = stage.process(batch)
    return stage.decide(measures.append_column("language", batch["language"]))


def count_plainly(text: str) -> tuple[int, int, int, int, int]:
    """Characters, lines, characters in lines, longest line, letters."""
    lines = LINE_END.split(text)
    if lines[-1] == "":
        lines.pop()
    lengths = [len(line) for line in lines]
    letters = sum(map(str.isalpha, text))
    return len(text), len(lines), sum(lengths), max(lengths, default=0), letters


def decide_plainly(text: str) -> bool:
    """Whether plain Python keeps the text."""
    characters, lines, inside, longest, letters = count_plainly(text)
    return (
        characters > 0
        and inside <= 100 * lines
        and longest <= 1000
        and letters >= 0.25 * characters
        and "<?xml version=" not in text[:100]
    )


def count_visible_plainly(page: str) -> int:
    """Visible characters of selectolax's tree."""
    tree = LexborHTMLParser(page)
    for name in (*(name.decode() for name in HIDDEN_ELEMENTS), "template"):
        for node in tree.css(name):
            node.decompose()
    text = tree.root.text(deep=True, separator="") if tree.root is not None else ""
    return len(re.sub("[ \t\n\f\r]+", " ", text).strip(" \t\n\f\r"))


def report(
    what: str, n_bytes: int, ours: Callable[[], object], peer: str, theirs: Callable[[], object]
) -> None:
    """Time both and print one line."""
    mine, other = n_bytes / best_seconds(ours) / 1e6, n_bytes / best_seconds(theirs) / 1e6
    print(
        f"{what}, {n_bytes / 1e6:.1f} MB: Sluice {mine:,.0f} MB/s, {peer} {other:,.0f} MB/s, "
        f"ratio {mine / other:.1f}"
    )


def best_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the best of three runs."""
    seconds = []
    for _ in range(3):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
