"""Filtering rules: drop files that are data, generated or minified rather than written code.

DeepSeek-Coder (arXiv 2401.14196) section 2.1, kept by DeepSeek-Coder-V2 (2406.11931) section 2:
lines over 100 characters on average or 1,000 at most, under 25 % alphabetic characters,
`<?xml version=` in the first 100 characters unless XSLT, HTML with under 20 % or 100 characters of
visible text, JSON and YAML outside 50 to 5,000 characters. Where several rules drop a file, the
first in the order of `REASONS` is recorded.

Without the columns `language` and `other` text alone is judged: no rule for a language applies.
Cost: 1.3 GB/s a core (plain Python 41 MB/s), HTML 0.6 GB/s; deciding never reads text.
"""

from importlib.resources import files
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.rules import RULES_MEASURES
from schemas.verdicts import REASONS
from stages.kernels.arrow import utf8_buffers
from stages.kernels.text import count_text
from stages.kernels.visible_text import count_visible_characters
from stages.rules.options import RulesOptions

XML_DECLARATION = "<?xml version="
XML_DECLARATION_WITHIN = 100
"""Characters from the start in which the declaration counts (the paper's)."""

JSON_AND_YAML = ("JSON", "YAML")
PROSE_KINDS = ("markdown", "issue")


class RulesStage:
    """Measures lines, letters, XML declarations and visible text; drops by thresholds."""

    name: ClassVar[str] = "rules"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = ("languages.tsv",)
    Options: ClassVar[type[RulesOptions]] = RulesOptions
    reads: ClassVar[tuple[str, ...]] = ("text", "language", "other", "kind")
    optional: ClassVar[tuple[str, ...]] = ("language", "other", "kind")
    measured_with: ClassVar[frozenset[str]] = frozenset({"html_languages"})
    decides_on: ClassVar[tuple[str, ...]] = ("language", "other", "kind")
    schema: pa.Schema = RULES_MEASURES

    def __init__(self, options: RulesOptions) -> None:
        self.options = options
        self.supported = [*_supported_languages(), *options.also_keep]

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measure every text of the batch."""
        text = batch.column("text")
        counts = count_text(*utf8_buffers(text))
        start = pc.utf8_slice_codeunits(text, 0, XML_DECLARATION_WITHIN)
        is_html = _is_in(_judged_name(batch), self.options.html_languages)
        visible = count_visible_characters(*utf8_buffers(text.filter(is_html)))
        n_visible = np.zeros(len(text), np.int64)
        mask = is_html.to_numpy(zero_copy_only=False)
        n_visible[mask] = visible
        columns = [
            counts.n_characters,
            counts.n_lines,
            _ratio(counts.n_line_characters, counts.n_lines),
            counts.max_line_length,
            _ratio(counts.n_alphabetic, counts.n_characters),
            pc.fill_null(pc.match_substring(start, XML_DECLARATION), False),
            pa.array(n_visible, mask=~mask),
            pa.array(_ratio(n_visible, counts.n_characters), mask=~mask),
        ]
        return pa.record_batch(columns, schema=self.schema)

    def decide(self, measures: pa.RecordBatch) -> pa.Array:
        """The first rule that drops each document, or null."""
        o = self.options
        name = _judged_name(measures)
        characters = measures["n_characters"]
        drops = {
            "average_line_length": pc.greater(
                measures["average_line_length"], o.max_average_line_length
            ),
            "max_line_length": pc.greater(measures["max_line_length"], o.max_line_length),
            "alphabetic": pc.less(measures["alphabetic_share"], o.min_alphabetic_share),
            "xml_declaration": pc.and_(
                measures["xml_declaration"], pc.invert(_is_in(name, o.xml_declaration_allowed))
            ),
            "html_visible_text": pc.or_(
                pc.less(measures["visible_share"], o.min_visible_share),
                pc.less(measures["visible_characters"], o.min_visible_characters),
            ),
            "json_yaml_characters": pc.and_(
                _is_in(name, JSON_AND_YAML),
                pc.or_(
                    pc.less(characters, o.min_json_yaml_characters),
                    pc.greater(characters, o.max_json_yaml_characters),
                ),
            ),
            "unsupported_language": self._is_unsupported(measures, name),
        }
        if "kind" in measures.schema.names and not o.code_rules_for_markdown:
            is_code = pc.invert(_is_in(measures["kind"], PROSE_KINDS))
            drops = {reason: pc.and_(is_code, drop) for reason, drop in drops.items()}
        drops["empty"] = pc.equal(characters, 0)
        ordered = REASONS["rules"]
        conditions = pc.make_struct(*(drops[reason] for reason in ordered), field_names=ordered)
        return pc.case_when(conditions, *(pa.scalar(reason, pa.string()) for reason in ordered))

    def _is_unsupported(self, measures: pa.RecordBatch, name: pa.Array) -> pa.Array:
        if "language" not in measures.schema.names:
            return pa.repeat(False, len(measures))
        unsupported = pc.invert(_is_in(name, self.supported))
        if "kind" not in measures.schema.names:
            return unsupported
        return pc.and_(unsupported, pc.equal(measures["kind"], "source"))


def _supported_languages() -> list[str]:
    """The 338 names, first column of the table after its header."""
    lines = (files("seeds") / "languages.tsv").read_text("utf-8").splitlines()
    return [line.split("\t", 1)[0] for line in lines[1:]]


def _judged_name(batch: pa.RecordBatch) -> pa.Array:
    """coalesce(language, other), of the columns that are there."""
    present = [
        batch[name].cast(pa.string())
        for name in ("language", "other")
        if name in batch.schema.names
    ]
    return pc.coalesce(*present) if present else pa.nulls(len(batch), pa.string())


def _is_in(values: pa.Array, names: tuple[str, ...] | list[str]) -> pa.Array:
    return pc.is_in(values, value_set=pa.array(names, pa.string()))


def _ratio(
    numerator: np.ndarray[tuple[int], np.dtype[np.int64]],
    denominator: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Element-wise quotient; 0 where nothing is counted."""
    return numerator / np.maximum(denominator, 1)
