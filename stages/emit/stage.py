"""Writes the product: tokenised training samples, shuffled, in shard sets.

GitHub: source files to `code`, markdown and issues to `text`, and documents that the quality
recall chose *additionally* to `code-quality`. Web: pages to `TARGET-web` (`code-web`, `math-web`)
or `natural` by their recall target; without recall every page is `natural`.

Samples are tokenised where their documents lie, shuffled by a hash of their identity, and written
in that order: see `placement`, `samples`, `files`.
"""

from dataclasses import replace
from typing import Any, ClassVar

from schemas.shards import shard_sets
from schemas.tokens import TOKENS
from stages.contract import Corpus, Options
from stages.emit.comments import comments_hash
from stages.emit.files import WriteSamples
from stages.emit.options import OPTIONAL_COLUMNS, EmitOptions
from stages.emit.placement import files_of
from stages.emit.samples import READS, TokenizeSamples
from stages.emit.without import WithoutDocuments
from stages.kernels.bpe.tokenizer import DEFAULT_TOKENIZER, tokenizer_hash


class EmitStage:
    """Turns the living documents of a corpus into its shard sets."""

    name: ClassVar[str] = "emit"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("fastokens", "pyarrow")
    Options: ClassVar[type[Options]] = EmitOptions

    def __init__(self, options: Any) -> None:
        self._options: EmitOptions = options

    def reads(self, corpus: str) -> tuple[str, ...]:
        """The columns that emit reads of this corpus: documents' own, then earlier stages'."""
        return (*READS[corpus], *self._columns(corpus))

    def run(self, corpus: Corpus) -> None:
        options = self._options
        sets = shard_sets(corpus.name, options.targets)
        step = TokenizeSamples(
            corpus=corpus.name,
            sets=sets,
            tokenizer=options.tokenizer,
            tokenizer_hash=tokenizer_hash(options.tokenizer),
            seed=options.seed,
            heldout_rate=options.heldout_rate,
            path_comments=options.path_comments,
            comments_hash=comments_hash(),
            columns=self._columns(corpus.name),
        )
        shuffled = corpus.shuffle("tokenize-samples", step, reads=self.reads(corpus.name))
        outputs = files_of(sets, shuffled.sizes(), options.shard_bytes)
        corpus.write(self.writer, shuffled, outputs)

    @property
    def writer(self) -> WriteSamples:
        """The step that writes a file."""
        write, tokenizer = WriteSamples(), self._options.tokenizer
        if not self._options.text:
            return write
        return replace(write, tokenizer=tokenizer, tokenizer_hash=tokenizer_hash(tokenizer))

    def without(self, documents: frozenset[bytes]) -> WithoutDocuments:
        """The step that takes documents out of a file."""
        return WithoutDocuments(self.writer, self._options.seed, documents)

    def _columns(self, corpus: str) -> tuple[str, ...]:
        """Those of earlier stages; stored tokens, if they are of this tokenizer."""
        options = self._options
        there = set(options.columns)
        if tokenizer_hash(options.tokenizer) != tokenizer_hash(DEFAULT_TOKENIZER):
            there.discard(TOKENS)
        return tuple(name for name in OPTIONAL_COLUMNS[corpus] if name in there)
