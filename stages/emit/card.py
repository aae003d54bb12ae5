"""What people and programs read first about a finished corpus: dataset card and manifest.

The card is a Hugging Face README.md: a YAML header with one configuration per shard set (so that
`load_dataset(FOLDER, "code")` works), then tables in Markdown. The manifest lists every file with
its hash. Both are pure functions of what they are given and neither holds a time, so they are the
same whenever the shards are.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files as package_files
from typing import Any

import jinja2

from schemas.recall import NATURAL
from schemas.shards import GITHUB_SETS

SET_CONTENT = {
    "code": "source files, joined per repository",
    "code-quality": "source files of `code` that the quality recall chose, once more",
    "text": "Markdown and issues of code repositories",
    "code-web": "web pages about code",
    "math-web": "web pages about mathematics",
    "natural": "other web pages",
}

Row = Mapping[str, Any]

STAGE_WORK = {
    "language": "programming language by file name and content",
    "rules": "the filtering rules of DeepSeek-Coder",
    "dedup": "near-duplicates removed, each against a kept document and with its exact similarity",
    "recall": "recall with fastText classifiers, trained in iterations",
    "github.recall": "code of high quality marked by a fastText classifier, trained in iterations",
    "decontaminate": "documents that contain benchmark problems removed",
    "redact": "personal data and secrets replaced by their kind",
    "concatenate": "source files joined per repository, each after a comment with its path",
}
"""What each stage did, for the card (`CORPUS.STAGE` where a corpus has its own); a stage that did
not run is not claimed."""


def build_manifest(*, files: Iterable[Row], tokenizer: str, configuration: str) -> dict[str, Any]:
    """The manifest. A file has `path, set, rows, tokens, bytes, xxh3`; `tokenizer` is the hash of
    its tokenizer.json, `configuration` the fingerprint of the options behind the corpus."""
    listed = sorted((dict(file) for file in files), key=lambda file: str(file["path"]))
    sets = {
        name: _totals([file for file in listed if file["set"] == name])
        for name in _ordered({file["set"] for file in listed})
    }
    return {
        "files": listed,
        "sets": sets,
        "totals": _totals(listed),
        "tokenizer": tokenizer,
        "configuration": configuration,
    }


def render_card(summary: Row) -> str:
    """The dataset card of a summary: a manifest's `sets, totals, tokenizer, configuration`, plus
    `funnel` (rows with `stage, documents, kept, bytes, kept_bytes, reasons`) and, if known,
    `languages` and `licenses` (rows with `set, name, samples, tokens`; a null name is unknown)."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(count=_count, size=_size, share=_share, cell=_cell)
    template = package_files("stages.emit").joinpath("card.md.jinja").read_text("utf-8")
    sets = summary["sets"]
    return environment.from_string(template).render(
        sets=[{"name": name, "content": _content(name), **sets[name]} for name in _ordered(sets)],
        totals=summary["totals"],
        funnel=[_with_reasons(row) for row in summary["funnel"]],
        work=_work(summary["funnel"]),
        languages=_largest(summary.get("languages") or ()),
        licenses=_largest(summary.get("licenses") or ()),
        tokenizer=summary["tokenizer"],
        configuration=summary["configuration"],
        size_category=_size_category(summary["totals"]["samples"]),
    )


def _content(name: str) -> str:
    return SET_CONTENT.get(name, f"web pages recalled as `{name.removesuffix('-web')}`")


def _totals(files: Sequence[Row]) -> dict[str, int]:
    return {
        "files": len(files),
        "samples": sum(file["rows"] for file in files),
        "tokens": sum(file["tokens"] for file in files),
        "bytes": sum(file["bytes"] for file in files),
    }


def _ordered(names: Iterable[str]) -> list[str]:
    """Shard sets: GitHub's in the order of the schema, the targets', natural language."""
    return sorted(
        names,
        key=lambda name: (
            GITHUB_SETS.index(name) if name in GITHUB_SETS else len(GITHUB_SETS),
            name == NATURAL,
            name,
        ),
    )


def _with_reasons(row: Row) -> dict[str, Any]:
    """A stage of the funnel with its reasons, the most frequent first."""
    reasons = sorted(row["reasons"].items(), key=lambda item: (-item[1], item[0]))
    return {**row, "reasons": [{"name": name, "documents": n} for name, n in reasons]}


def _work(funnel: Iterable[Row]) -> list[str]:
    """One line per corpus: what its stages did, in order."""
    lines: dict[str, list[str]] = {}
    for row in funnel:
        corpus, _, stage = row["stage"].partition(".")
        work = STAGE_WORK.get(row["stage"]) or STAGE_WORK.get(stage)
        if work is not None:
            lines.setdefault(corpus, []).append(work)
    return [f"{corpus}: {'; '.join(work)}." for corpus, work in lines.items()]


def _largest(rows: Iterable[Row]) -> list[Row]:
    """Rows by set, then by tokens."""
    found = list(rows)
    order = _ordered({row["set"] for row in found})
    return sorted(
        found, key=lambda row: (order.index(row["set"]), -row["tokens"], row["name"] or "")
    )


def _count(number: int) -> str:
    return f"{number:,}"


def _size(n_bytes: float) -> str:
    size, units = float(n_bytes), ["B", "kB", "MB", "GB", "TB", "PB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:,.0f} {units[0]}" if units[0] == "B" else f"{size:,.1f} {units[0]}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _cell(text: str | None) -> str:
    """Text inside a Markdown table."""
    return "(unknown)" if text is None else text.replace("|", "\\|").replace("\n", " ")


def _size_category(samples: int) -> str:
    """Hugging Face's `size_categories` value."""
    bounds = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")]
    bounds += [(10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B")]
    return next((name for bound, name in bounds if samples < bound), "n>1B")
