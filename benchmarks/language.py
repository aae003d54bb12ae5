"""Languages by content: our classifier, Magika and Pygments on the same files in one run.

    python benchmarks/language.py [--every N]

Reads `../shared/data/languages`: the development files whose repository no training file is from,
and the files in no language; every N-th of them (default 1). Names are not shown to anybody. Magika
(`pip install magika`) is asked where it is installed. CPU seconds, all threads counted; the first
call of each is not.

Printed per peer: the share of the files whose best guess is right (micro), its mean over languages
(macro), the first on the languages that Magika knows, the share named rightly where 12 % of the
files in no language are named (with confidences alone), and files per CPU second.
"""

import argparse
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pygments.lexers import guess_lexer
from pygments.util import ClassNotFound

from stages.kernels.languages.judge import ContentJudge
from stages.kernels.languages.model import class_of, shipped_table
from stages.language.names import NOTHING, name_tables

try:
    import magika
except ImportError:
    magika = None

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "languages"
NAMED_IN_NO_LANGUAGE = 0.12

Guess = tuple[str | None, float]
Peer = Callable[[Sequence[bytes]], list[Guess]]

OTHER_NAMES = {
    "asm": "Assembly",
    "cs": "C#",
    "csproj": "XML",
    "cpp": "C++",
    "erb": "HTML ERB",
    "gemfile": "Ruby",
    "gemspec": "Ruby",
    "ipynb": "Jupyter Notebook",
    "latex": "TeX",
    "lisp": "Common Lisp",
    "objectivec": "Objective-C",
    "pascal": "Pascal",
    "proto": "Protocol Buffer",
    "svg": "SVG",
    "vba": "VBA",
    "vcxproj": "XML",
    "bash": "Shell",
    "gas": "Assembly",
    "nasm": "Assembly",
    "delphi": "Pascal",
    "docker": "Dockerfile",
    "restructuredtext": "reStructuredText",
}
"""Magika's labels and Pygments' lexers that are not the names of languages."""


@dataclass(frozen=True)
class Files:
    """Contents, and their languages (None: none of the 338)."""

    contents: list[bytes]
    languages: list[str | None]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    if not DATA.exists():
        print("no ../shared/data/languages: nothing to compare on")
        return
    files = read_files(parser.parse_args().every)
    known = set(map(_language, magika_labels())) - {None}
    n_named = sum(language is not None for language in files.languages)
    print(f"{n_named} files in a language, {len(files.contents) - n_named} in none")
    print(f"{'':10s} micro macro on Magika's {len(known):2d}  named  files/s  CPU ratio")
    ours = None
    for name, peer in peers():
        peer(files.contents[:2])
        begin = time.process_time()
        guesses = peer(files.contents)
        seconds = time.process_time() - begin
        ours = ours or seconds
        report(name, files, guesses, known, f"{len(guesses) / seconds:8.0f} {seconds / ours:10.1f}")


def read_files(every: int) -> Files:
    """Development files from repositories that the table has not seen, and files in no language."""
    seen = set(pq.read_table(DATA / "train.parquet", columns=["source"])["source"].to_pylist())
    rows = [
        row
        for name in ("dev", "negatives_dev")
        for row in pq.read_table(DATA / f"{name}.parquet").to_pylist()
        if row["language"] is None or row["source"] not in seen
    ][::every]
    return Files([row["content"] for row in rows], [row["language"] for row in rows])


def peers() -> Iterator[tuple[str, Peer]]:
    """Ours first."""
    judge = ContentJudge(shipped_table(), NOTHING)
    yield "Sluice", lambda contents: list(judge.name(contents, [()] * len(contents)))
    if magika_labels():
        model = magika.Magika()
        yield "Magika", lambda contents: [_of_magika(model, content) for content in contents]
    yield "Pygments", lambda contents: list(map(_of_pygments, contents))


def report(
    name: str, files: Files, guesses: Sequence[Guess], known: set[str | None], speed: str
) -> None:
    """One line of the table."""
    truth = [None if language is None else class_of(language, None) for language in files.languages]
    right = np.array([guess == wanted for (guess, _), wanted in zip(guesses, truth, strict=True)])
    sure = np.array([confidence if guess else 0.0 for guess, confidence in guesses])
    named = np.array([wanted is not None for wanted in truth])
    by_language = [right[[t == one for t in truth]].mean() for one in set(truth) - {None}]
    on_known = right[[wanted in known for wanted in truth]]
    ranked = np.sort(sure[~named])
    threshold = ranked[int(len(ranked) * (1 - NAMED_IN_NO_LANGUAGE))]
    kept = (right & (sure > threshold))[named].mean()
    shown = f"{on_known.mean():20.3f}" if known else f"{'–':>20s}"
    print(f"{name:10s} {right[named].mean():.3f} {np.mean(by_language):.3f}"
          f"{shown}  {kept:5.3f} {speed}")  # fmt: skip


def magika_labels() -> list[str]:
    """What Magika can answer; nothing where it is not installed."""
    return [] if magika is None else list(map(str, magika.Magika().get_output_content_types()))


def _of_magika(model: object, content: bytes) -> Guess:
    found = model.identify_bytes(content)  # type: ignore[attr-defined]
    return _language(str(found.output.label)), float(found.score)


def _of_pygments(content: bytes) -> Guess:
    text = content[:32_768].decode("utf-8", "replace")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lexer = guess_lexer(text)
    except ClassNotFound:
        return None, 0.0
    names = (lexer.name, *lexer.aliases)
    found = next((name for name in map(_language, names) if name is not None), None)
    return found, float(lexer.analyse_text(text))


@cache
def _language(label: str) -> str | None:
    """The supported name of a peer's label."""
    plain = {re.sub(r"[^a-z0-9+#]", "", name.lower()): name for name in name_tables().supported}
    wanted = label.lower()
    name = OTHER_NAMES.get(wanted) or plain.get(re.sub(r"[^a-z0-9+#]", "", wanted))
    return class_of(name, None) if name in name_tables().supported else None


if __name__ == "__main__":
    main()
