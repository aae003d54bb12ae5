"""What the dataset card says that stages did.

A claim is a function of the corpus, the stage's options and its row of the funnel, so that nothing
is said of a stage that was not in the chain, of a check that was switched off, or of benchmarks
that nobody gave. Counts are said where the verdicts hold them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.removals import REMOVED
from schemas.rules import ORIGINS
from schemas.spans import REDACTED

PAPERS = {
    "rules": "DeepSeek-Coder (arXiv 2401.14196)",
    "recall": "DeepSeekMath (arXiv 2402.03300)",
    "concatenate": "DeepSeek-Coder-V2 (arXiv 2406.11931)",
}


@dataclass(frozen=True)
class Told:
    """What is known of a stage in this run."""

    corpus: str
    options: Mapping[str, Any]
    changed: Mapping[str, Any]
    """The options that differ from their defaults."""
    reasons: Mapping[str, int]
    n_documents: int
    n_dropped: int
    samples: Mapping[str, int]
    """Samples of every shard set."""

    def dropped(self, reason: str) -> str:
        """How many documents were dropped for a reason."""
        return _documents(self.reasons.get(reason, 0))


def corpus_claims(
    funnel: Iterable[Mapping[str, Any]],
    options: Mapping[str, Mapping[str, Any]],
    changed: Mapping[str, Mapping[str, Any]],
    samples: Mapping[str, int],
) -> dict[str, list[str]]:
    """Corpus → what its stages did, in order. `options` and `changed` are by `CORPUS.STAGE`."""
    claims: dict[str, list[str]] = {}
    for row in funnel:
        said = stage_claims(row, options, changed, samples)
        if said:
            claims.setdefault(row["stage"].partition(".")[0], []).extend(said)
    return claims


def stage_claims(
    row: Mapping[str, Any],
    options: Mapping[str, Mapping[str, Any]],
    changed: Mapping[str, Mapping[str, Any]],
    samples: Mapping[str, int],
) -> list[str] | None:
    """What one stage did, by its row of the funnel; None of a stage of which nothing is said."""
    corpus, _, stage = row["stage"].partition(".")
    claim = CLAIMS.get(row["stage"]) or CLAIMS.get(stage)
    if claim is None or row["stage"] not in options:
        return None
    told = Told(
        corpus,
        options[row["stage"]],
        changed.get(row["stage"], {}),
        row["reasons"],
        row["documents"],
        row["documents"] - row["kept"],
        samples,
    )
    return claim(told)


def _events(told: Told) -> list[str]:
    if not told.n_documents:
        return []
    claim = (
        f"issues and pull requests put together from {told.n_documents:,} events of GH Archive "
        "(stars and forks among them), without comments of bots, speakers named by their part alone"
    )
    return [claim]


def _language(told: Told) -> list[str]:
    if told.options["check_names"]:
        return ["programming languages told from name and content of every file"]
    return [
        "programming languages told from file names, and from content where names leave it open"
    ]


def _rules(told: Told) -> list[str]:
    # Origins and licences are no rules of the paper.
    own = {"drop_origins", "license_allowed"}
    settings = [
        f"`{name}` = `{json.dumps(value)}`"
        for name, value in told.changed.items()
        if name not in own
    ]
    differing = f", with {', '.join(settings)}" if settings else ""
    n_own = sum(told.reasons.get(reason, 0) for reason in (*ORIGINS, "license"))
    removed = f"{_documents(told.n_dropped - n_own)} removed"
    claims = [f"filtered by the rules of {PAPERS['rules']}{differing}: {removed}"]
    claims += [
        f"{origin} files removed ({told.dropped(origin)})"
        for origin in ORIGINS
        if origin in told.options["drop_origins"]
    ]
    if told.options["license_allowed"]:
        allowed = ", ".join(told.options["license_allowed"])
        claims.append(
            f"files under other licences than {allowed} removed ({told.dropped('license')})"
        )
    return claims


def _dedup(told: Told) -> list[str]:
    claims, threshold = [], told.options["threshold"]
    if told.options["exact"]:
        claims.append(f"exact duplicates removed ({told.dropped('exact')})")
    if told.options["url"] and told.corpus != "github":
        claims.append(f"near-duplicate captures of one URL removed ({told.dropped('url')})")
    if told.options["near"]:
        claims.append(
            f"near-duplicates removed, each with a Jaccard similarity of at least {threshold:g} to "
            f"a kept document ({told.dropped('near')})"
        )
    return claims


def _recall(told: Told) -> list[str]:
    targets = ", ".join(f"`{name}`" for name in told.options["targets"])
    claim = (
        f"pages recalled for {targets} by classifiers of fastText's form, "
        f"after {PAPERS['recall']}, in at most {_iterations(told)}; the rest removed but for a "
        f"drawn share ({told.dropped('not_recalled')})"
    )
    return [claim]


def _quality(told: Told) -> list[str]:
    n_marked = told.samples.get("code-quality", 0)
    if not n_marked:
        return []
    claim = (
        f"files of high quality marked by a classifier of fastText's form, in at most "
        f"{_iterations(told)} ({_documents(n_marked)})"
    )
    return [claim]


def _iterations(told: Told) -> str:
    n_iterations = told.options["iterations"]
    return f"{n_iterations} iteration{'s' if n_iterations > 1 else ''}"


def _decontaminate(told: Told) -> list[str]:
    if not told.options["benchmarks"]:
        return []
    return [f"documents that contain benchmark problems removed ({told.dropped('benchmark')})"]


def _redact(told: Told) -> list[str]:
    kinds = [kind for kind in REDACTED if told.options[kind.lower()]]
    if not kinds:
        return []
    what, marks = ([REDACTED[kind] for kind in kinds], [f"`<{kind}>`" for kind in kinds])
    return [f"recognised {_listed(what)} replaced by {_listed(marks)}"]


def _concatenate(told: Told) -> list[str]:
    if not joins(told.options):
        return []
    limit = told.options["max_sample_bytes"]
    order = (
        "what they import first, as DeepSeek-Coder does"
        if told.options["order"] == "dependency"
        else f"in random order, as {PAPERS['concatenate']} does"
    )
    claim = (
        f"source files joined per repository, {order}, to "
        f"samples of at most {limit:,} bytes of text where no single file is longer"
    )
    return [claim]


def joins(options: Mapping[str, Any]) -> bool:
    """Whether concatenation with these options joins files."""
    return bool(options["order"] != "none")


def _remove(told: Told) -> list[str]:
    n_removed = told.reasons.get(REMOVED, 0)
    return [f"documents removed on request ({_documents(n_removed)})"] if n_removed else []


def _documents(number: int) -> str:
    return f"{number:,} document{'' if number == 1 else 's'}"


def _listed(parts: list[str]) -> str:
    return " and ".join([part for part in (", ".join(parts[:-1]), parts[-1]) if part])


CLAIMS: Mapping[str, Callable[[Told], list[str]]] = {
    "events.documents": _events,
    "language": _language,
    "rules": _rules,
    "dedup": _dedup,
    "recall": _recall,
    "github.recall": _quality,
    "decontaminate": _decontaminate,
    "redact": _redact,
    "concatenate": _concatenate,
    "remove": _remove,
}
"""By stage (`CORPUS.STAGE` where a corpus has its own); of other stages nothing is said."""
