"""What a user may set about recall (DeepSeekMath, arXiv 2402.03300 section 2.1)."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from stages.contract import NamesFiles, Options
from stages.recall.sites.site_lists import seed_sites

BPE, WHITESPACE = "bpe", "whitespace"
"""What a text may be split into."""


class Training(Options):
    """How one classifier is trained; the part of the options a trained model depends on."""

    recipe: Literal["auto", "small", "paper"] = Field(
        "auto", description="hyper-parameters; auto: small below 50,000 positives, else paper"
    )
    trainer: Literal["auto", "linear", "fasttext"] = Field(
        "auto",
        description="linear: Sluice's own, as good as fastText in a fifteenth of its time; auto: "
        "linear with the small recipe, fasttext with the paper's",
    )
    tokens: Literal["bpe", "whitespace"] = Field(
        "bpe",
        description="what a text is split into; bpe: DeepSeek-V2's tokens, as the paper does; "
        "whitespace: words, as fastText itself reads them",
    )
    mode: Literal["reproducible", "fast"] = Field(
        "reproducible",
        description="fast: fastText trains on all cores and loses byte identity",
    )
    precision: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="precision on held-out domains, each counting alike, that raises the threshold "
        "from probability 0.5; a crawl, which has more of what is hard, may give less",
    )
    evidence: Literal["auto", "text", "page"] = Field(
        "auto",
        description="what a page is judged by; text: its words alone, as the paper does; page: "
        "also its code blocks, its formulas and the directory it lies in; auto: page with the "
        "small recipe",
    )
    max_examples: int = Field(
        500_000, ge=1, description="documents per class at most (the paper's 500,000)"
    )
    max_buckets: int = Field(
        1 << 20, ge=1, description="n-gram buckets at most; fewer when the data is small"
    )
    seed: int = Field(0, ge=0, lt=1 << 64, description="seed of every draw")


class Target(Options):
    """One class of pages to recall."""

    seeds: tuple[str, ...] = Field(
        (), description="seed files (patterns allowed) whose documents are positives"
    )
    sites: tuple[str, ...] | None = Field(
        None,
        description="hosts and directories (`stackoverflow.com/questions/`) whose crawled pages "
        "are positives, too; without it, those that seeds/TARGET.toml lists as seeds",
    )
    max_tokens: int | None = Field(
        None,
        gt=0,
        description="tokens of the crawl to recall at most: the threshold rises to the score from "
        "which pages hold no more, also above a `threshold`. Only the verdicts depend on it",
    )


class LoopOptions(Training):
    """What holds for every corpus that is recalled from."""

    iterations: int = Field(5, ge=1, le=20, description="rounds of training and recall at most")
    min_growth: float = Field(
        0.02,
        ge=0,
        description="an iteration that recalls fewer more pages than this share is the last; by "
        "the rule it is not accepted, and the scores of the one before stand",
    )
    domain_share: float = Field(
        0.1, ge=0, lt=1, description="share of recalled pages above which a domain is a target's"
    )
    pattern_share: float = Field(
        0.9, ge=0, lt=1, description="rule: share of recalled pages above which one is accepted"
    )
    pattern_pages: int = Field(3, ge=1, description="pages a proposed pattern has at least")
    pattern_depth: int = Field(4, ge=0, le=16, description="directories a pattern has at most")
    directory_weight: float = Field(
        2.0,
        ge=0,
        description="pages whose weight the parent directory has in a directory's score",
    )
    grow_per_domain: int = Field(
        40,
        ge=1,
        description="pages of one domain that join a target's seeds (small recipe; about)",
    )
    crawl_negatives: int = Field(
        400,
        ge=0,
        description="pages drawn from the crawl as candidate negatives (paper recipe: as many "
        "as there are positives, if that is more)",
    )
    trusted_share: float = Field(
        0.3,
        gt=0,
        le=1,
        description="share of the drawn pages, lowest scores first, that become negatives",
    )
    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="probability from which a page is recalled; without it, each target's "
        "calibrated one. Only the verdicts depend on it",
    )

    def training(self) -> Training:
        """The options that a trained classifier depends on, alone."""
        return Training.model_validate(self.model_dump(include=set(Training.model_fields)))


class RecallOptions(LoopOptions):
    """`[recall]`: the targets, their seeds, and what happens to the pages not recalled."""

    targets: Mapping[str, Target] = Field(
        default_factory=dict, description="name → seeds; one classifier each, one against the rest"
    )
    negatives: tuple[str, ...] = Field(
        (), description="seed files whose documents are negatives of every target"
    )
    annotate: Literal["rule", "person"] = Field(
        "rule",
        description="who accepts URL patterns; person: the run waits for `sluice recall annotate`",
    )
    annotations: Annotated[tuple[str, ...], NamesFiles()] = Field(
        (), description="TOML files with decisions on patterns; they win over the rule"
    )
    natural_share: float = Field(
        0.3, ge=0, le=1, description="share of the pages not recalled that are kept as `natural`"
    )

    @field_validator("targets")
    @classmethod
    def _name_columns(cls, targets: Mapping[str, Target]) -> Mapping[str, Target]:
        for name in targets:
            if not name.isidentifier() or name == "natural":
                raise ValueError(f"target {name!r} must be an identifier other than `natural`")
        return dict(sorted(targets.items()))

    @model_validator(mode="after")
    def _name_a_file_to_write(self) -> Self:
        if self.annotate == "person" and not self.annotations:
            raise ValueError('annotate = "person" needs `annotations`: the file to write them to')
        return self

    @model_validator(mode="after")
    def _learn_from_something(self) -> Self:
        for name, target in self.targets.items():
            if not target.seeds and not seed_sites({name: target.sites}):
                raise ValueError(f"target {name!r} needs `seeds` (files) or `sites`")
        return self

    @model_validator(mode="after")
    def _give_each_file_one_role(self) -> Self:
        seen: dict[str, str] = {}
        for role, files in self._roles():
            for name in map(_base_name, files):
                if seen.setdefault(name, role) != role:
                    raise ValueError(f"seed file {name} is both {seen[name]} and {role}")
        return self

    def roles(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each target, and `NEGATIVE`, with the base names (or patterns) of its seed files."""
        return tuple((role, tuple(map(_base_name, files))) for role, files in self._roles())

    def _roles(self) -> list[tuple[str, tuple[str, ...]]]:
        roles = [(name, target.seeds) for name, target in self.targets.items()]
        return [*roles, (NEGATIVE, self.negatives)]


NEGATIVE = "negatives"
"""The role of the seed files that are negatives of every target."""


def role_of(file_name: str, roles: Iterable[tuple[str, Iterable[str]]]) -> str | None:
    """The target (or `NEGATIVE`) that a seed file belongs to, by the patterns of base names."""
    for role, patterns in roles:
        if any(fnmatchcase(file_name, pattern) for pattern in patterns):
            return role
    return None


def _base_name(file: str) -> str:
    """A path's or URL's last part; what follows a URL's `?` or `#` is no part of a name."""
    if "://" in file:
        file = re.split("[?#]", file, maxsplit=1)[0]
    return PurePosixPath(file).name


class QualityOptions(LoopOptions):
    """`[github.recall]`: what quality is learned from. Documents are only marked, none is dropped.
    Without `quality` and `seeds` there is nothing to learn from, and the stage does not run."""

    quality: bool = Field(
        False, description="learn from the files that seeds/github-quality.toml picks"
    )
    seeds: tuple[str, ...] = Field(
        (),
        description="seed files (JSONL or Parquet with `text`, and if known `repo` and `path`); "
        "with `quality` in addition to what the rule picks",
    )
    iterations: int = Field(2, ge=1, le=20, description="rounds of training and recall at most")
    evidence: Literal["auto", "text", "page"] = Field(
        "text",
        description="what a file is judged by; text: its text alone; page: also the directory it "
        "lies in; auto: page with the small recipe",
    )
    pattern_share: float = Field(
        0.8, ge=0, lt=1, description="share of recalled files above which a directory is accepted"
    )
    trusted_share: float = Field(
        0.9,
        gt=0,
        le=1,
        description="share of the drawn files, lowest scores first, that become negatives: the "
        "rule already took what it thinks good",
    )
    crawl_negatives: int = Field(
        400,
        ge=0,
        description="files drawn as candidate negatives at least; as many as there are positives, "
        "if that is more",
    )

    @property
    def runs(self) -> bool:
        """Whether there is anything to learn from."""
        return self.quality or bool(self.seeds)

    def roles(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The target, with the base names (or patterns) of its seed files."""
        return ((QUALITY, tuple(map(_base_name, self.seeds))),)


QUALITY = "quality"
"""The one target of `github.recall`."""
