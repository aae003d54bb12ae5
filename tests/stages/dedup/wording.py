"""Texts that are alike to a known degree, made up and real."""

import random
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def shingles(text: str, ngram: int = 5) -> set[tuple[str, ...]]:
    tokens = re.findall(r"\w+|[^\w\s]", text)
    if len(tokens) < ngram:
        return {tuple(tokens)}
    return {tuple(tokens[i : i + ngram]) for i in range(len(tokens) - ngram + 1)}


def jaccard(a: set[Any], b: set[Any]) -> float:
    return len(a & b) / len(a | b)


def words(n: int, seed: int = 0) -> list[str]:
    generator = random.Random(seed)
    return [f"w{generator.randrange(10**6)}" for _ in range(n)]


def changed(tokens: list[str], n: int, seed: int, span: tuple[float, float] = (0, 1)) -> list[str]:
    """The tokens with `n` of them, spread over a part of the text, replaced."""
    copy = list(tokens)
    low, high = int(span[0] * len(copy)), int(span[1] * len(copy))
    for i, place in enumerate(range(low + 5, high, (high - low) // n)):
        copy[place] = f"x{seed}_{i}"
    return copy


def document(name: str, tokens: list[str] | str, **more: Any) -> dict[str, Any]:
    text = tokens if isinstance(tokens, str) else " ".join(tokens)
    return {"name": name, "text": text, **more}


def real_files(n: int) -> list[tuple[str, str]]:
    folder = DATA / "github"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/github")
    found = []
    for path in sorted(folder.glob("*mux*.tar.gz")) + sorted(folder.glob("*bats*.tar.gz")):
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.size < 60_000 else None
                if stream is None:
                    continue
                try:
                    text = stream.read().decode()
                except UnicodeDecodeError:
                    continue
                found.append((f"{path.name}:{member.name}", text))
    return found[:n]
