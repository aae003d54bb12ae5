"""Licences of real texts, and of texts with riders: Sluice and other libraries on the same bytes.

    python benchmarks/licenses.py

Real texts are those that the packages installed here ship, of 232 that a person has labelled
(`tests/stages/github/licensing/texts.tsv`); how many of them are read as labelled. Riders are
sentences that take something back ("not for commercial use"), each before, within and behind three
permissive licences: how often a peer calls the whole permissive or copyleft. ScanCode is asked
where it is installed (`pip install scancode-toolkit-mini 'pluggy<1.6'`). Answers are compared as
expressions, the order of the parts left aside. CPU seconds, a first call not counted; no peer keeps
answers.
"""

import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import xxhash

from schemas.licenses import COPYLEFT, PERMISSIVE, Licenses, license_class, read_expression
from stages.github.licensing.texts import read_license

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.stages.github.licensing.test_texts import (
    APACHE_NOTICE,
    BESIDE,
    ISC,
    MIT,
    RIDERS,
    SENTENCES,
    TABLE,
)

Peer = Callable[[str], str | None]


def main() -> None:
    """Print a line for every peer."""
    real = [(text, label) for text, label in real_texts() if label]
    ridden = list(with_riders())
    harmless = [*BESIDE, *sentences("harmless")]
    plain = [(f"{words}\n\n{MIT}\n{words}\n", "MIT") for words in harmless]
    print(f"{len(real)} real texts with a licence, {len(plain)} with harmless words, "
          f"{len(ridden)} with riders")  # fmt: skip
    print(f"{'':20s} real texts  another licence  harmless words  riders missed  ms a text")
    for name, peer in peers():
        peer(MIT)
        begin = time.process_time()
        answers = [peer(text) for text, _ in real]
        seconds = time.process_time() - begin
        right = [
            _parts(got) == _parts(label) for got, (_, label) in zip(answers, real, strict=True)
        ]
        other = sum(bool(got) and not ok for got, ok in zip(answers, right, strict=True))
        kept = sum(_parts(peer(text)) == _parts(label) for text, label in plain)
        missed = sum(license_class(peer(text)) in (PERMISSIVE, COPYLEFT) for text in ridden)
        print(f"{name:20s} {sum(right) / len(real):10.3f} {other:16d} {kept / len(plain):15.3f} "
              f"{missed / len(ridden):14.3f} {1000 * seconds / len(real):10.1f}")  # fmt: skip


def real_texts() -> Iterator[tuple[str, str]]:
    """Texts that installed packages ship, and what a person read."""
    rows = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]
    label = {number: spdx for number, spdx, _ in rows}
    names = {path.rpartition("/")[2] for _, _, path in rows}
    for folder in sorted(Path(part) for part in sys.path if part.endswith("site-packages")):
        for path in sorted(folder.glob("*.dist-info/**/*")):
            if path.name in names and path.is_file():
                data = path.read_bytes()
                if (spdx := label.pop(xxhash.xxh3_64_hexdigest(data), None)) is not None:
                    yield data.decode("utf-8", "replace"), spdx


def sentences(kind: str) -> list[str]:
    """Those of `beside.tsv` of a kind."""
    rows = [line.split("\t") for line in SENTENCES.read_text("utf-8").splitlines()]
    return [words for _, of_kind, words in rows if of_kind == kind]


def with_riders() -> Iterator[str]:
    """Permissive texts that are none any more."""
    for rider in [*RIDERS, *sentences("rider")]:
        for text in (MIT, ISC, APACHE_NOTICE):
            yield f"{rider}\n\n{text}"
            yield f"{text}\n\n{rider}\n"
            yield text.replace("\n\n", f"\n\n{rider}\n\n", 1)


def peers() -> Iterator[tuple[str, Peer]]:
    """Ours first."""
    yield "Sluice", _of_sluice
    for name, module, peer in (
        ("licenseclassifier", "licenseclassifier", _of_licenseclassifier),
        ("ScanCode", "licensedcode.detection", _of_scancode),
    ):
        try:
            found = importlib.import_module(module)
        except ImportError:
            continue
        yield name, lambda text, peer=peer, found=found: peer(found, text)


def _of_sluice(text: str) -> str | None:
    found = read_license.__wrapped__(text).licenses
    return None if found is None else str(found)


def _of_licenseclassifier(library: Any, text: str) -> str | None:
    names = dict.fromkeys(each.id for each in library.identify_license(text, 0.0))
    return " AND ".join(names) or None


def _of_scancode(library: Any, text: str) -> str | None:
    with tempfile.NamedTemporaryFile("w", suffix="LICENSE") as file:
        file.write(text)
        file.flush()
        found = library.detect_licenses(location=file.name)
        names = dict.fromkeys(each.license_expression_spdx for each in found)
    return " AND ".join(f"({name})" for name in names if name) or None


def _parts(expression: str | None) -> frozenset[str] | str | None:
    found: Licenses | None = read_expression(expression) if expression else None
    if found is None:
        return expression or None
    return frozenset(_plain(name) for name in found.names())


def _plain(name: str) -> str:
    """Without what a licence's text does not say: `GPL-3.0-only` has the text of the GPL-3.0."""
    return name.removesuffix("-only").removesuffix("-or-later").removesuffix("+")


if __name__ == "__main__":
    main()
