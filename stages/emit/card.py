"""What people and programs read first about a finished corpus: dataset card and manifest.

The card says what this run did and no more: every sentence about the data follows from options
and counts (`claims`).

The card is a Hugging Face README.md: a YAML header with one configuration per shard set, the first
the default, and its splits (so that `load_dataset(FOLDER, "code", split="train")` works), then
tables in Markdown. The manifest lists every file with
its hash. Both are pure functions of what they are given and neither holds a time, so they are the
same whenever the shards are.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files as package_files
from typing import Any

import jinja2

from schemas.recall import NATURAL
from schemas.shards import GITHUB_SETS, SPLITS, corpus_of
from stages.emit.claims import corpus_claims, joins, stage_claims
from stages.emit.mixture import mixture_claims

Row = Mapping[str, Any]


def build_manifest(*, files: Iterable[Row], tokenizer: str, configuration: str) -> dict[str, Any]:
    """The manifest. A file has `path, set, split, rows, tokens, bytes, xxh3`; `tokenizer` is the
    hash of its tokenizer.json, `configuration` the fingerprint of the options behind the corpus."""
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
    """The dataset card of a summary: a manifest, plus `funnel` (rows with `stage, documents, kept,
    bytes, kept_bytes, reasons`), `options` (`emit` and every stage of the run → all its options),
    `changed` (the same, those that are not the default) and, if known, `languages` and `licenses`
    (rows with `set, name, samples, tokens`; a null name is unknown); `mixture`, if one is asked
    for, is part of the manifest (`mixture_of`)."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(count=_count, size=_size, share=_share, cell=_cell, epochs=_epochs)
    template = package_files("stages.emit").joinpath("card.md.jinja").read_text("utf-8")
    sets, options, mixture = summary["sets"], summary["options"], summary.get("mixture")
    return environment.from_string(template).render(
        sets=[
            {
                "name": name,
                "content": _content(name, options),
                "splits": (splits := _splits(summary["files"], name)),
                "has_heldout": SPLITS[1] in splits,
                **sets[name],
            }
            for name in _ordered(sets)
        ],
        totals=summary["totals"],
        mixture=mixture,
        mixture_claims=mixture_claims(mixture) if mixture else [],
        funnel=[_with_reasons(row) for row in summary["funnel"] if not _is_idle(row, summary)],
        work=_work(summary),
        made_from=_made_from(sets),
        subjects=_subjects(sets),
        has_text=options["emit"]["text"],
        has_heldout=any(file["split"] != SPLITS[0] for file in summary["files"]),
        knows_licenses=any(row["name"] is not None for row in summary.get("licenses") or ()),
        languages=_largest(summary.get("languages") or ()),
        licenses=_largest(summary.get("licenses") or ()),
        tokenizer=summary["tokenizer"],
        configuration=summary["configuration"],
        size_category=_size_category(summary["totals"]["samples"]),
    )


def _splits(files: Iterable[Row], shard_set: str) -> list[str]:
    """The splits that a set has files of."""
    there = {file["split"] for file in files if file["set"] == shard_set}
    return [split for split in SPLITS if split in there]


def _content(name: str, options: Mapping[str, Row]) -> str:
    """What a shard set holds."""
    recall = options.get("web.recall")
    if name == "code":
        joined = joins(options["github.concatenate"]) if "github.concatenate" in options else False
        return "source files, joined per repository" if joined else "source files"
    if name == "code-quality":
        return "documents that the quality recall chose, once more"
    if name == "text":
        return "Markdown and issues of repositories"
    if name != NATURAL:
        return f"web pages recalled as `{name.removesuffix('-web')}`"
    if recall is None:
        return "web pages"
    return f"{100 * recall['natural_share']:.4g}% of the web pages not recalled, drawn at random"


def _made_from(sets: Iterable[str]) -> str:
    """Where the samples are from."""
    corpora = {corpus_of(name) for name in sets}
    names = {"github": "repositories", "web": "web pages"}
    return " and ".join(what for corpus, what in names.items() if corpus in corpora)


def _subjects(sets: Iterable[str]) -> list[str]:
    """The tags of what the sets are about."""
    names = set(sets)
    about = {"code": {"code", "code-quality", "code-web"}, "math": {"math-web"}}
    return [subject for subject, its in about.items() if names & its]


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


def _is_idle(row: Row, summary: Row) -> bool:
    """Whether a stage had nothing to do: its row, all kept, would tell of a check that none was."""
    samples = {name: one["samples"] for name, one in summary["sets"].items()}
    said = stage_claims(row, summary["options"], summary["changed"], samples)
    return said == [] and row["kept"] == row["documents"]


def _work(summary: Row) -> list[str]:
    """One line per corpus: what its stages did, in order."""
    sets, options = summary["sets"], summary["options"]
    samples = {name: totals["samples"] for name, totals in sets.items()}
    claims = corpus_claims(summary["funnel"], options, summary["changed"], samples)
    if options["emit"]["path_comments"] and any(corpus_of(name) == "github" for name in sets):
        claims.setdefault("github", []).append("every file after a comment with its path")
    return [f"{corpus}: {'; '.join(said)}." for corpus, said in claims.items()]


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


def _epochs(epochs: float) -> str:
    return f"{epochs:.4g}"


def _cell(text: str | None) -> str:
    """Text inside a Markdown table."""
    return "(unknown)" if text is None else text.replace("|", "\\|").replace("\n", " ")


def _size_category(samples: int) -> str:
    """Hugging Face's `size_categories` value."""
    bounds = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")]
    bounds += [(10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B")]
    return next((name for bound, name in bounds if samples < bound), "n>1B")
