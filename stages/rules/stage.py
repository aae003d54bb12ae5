"""Filtering rules: drop files that are data, generated or minified rather than written code.

DeepSeek-Coder (arXiv 2401.14196) section 2.1, kept by DeepSeek-Coder-V2 (2406.11931) section 2:
lines over 100 characters on average or 1,000 at most, under 25 % alphabetic characters,
`<?xml version=` in the first 100 characters unless XSLT, HTML with under 20 % or 100 characters of
visible text, JSON and YAML outside 50 to 5,000 characters. Beyond the paper: copies of other
projects, generated files (see `origin`), licences that are not allowed. Where several rules drop a
file, the first in the order of `REASONS` is recorded.

Without the columns `language` and `other` text alone is judged: no rule for a language applies;
without `path` an origin shows in the text alone, without `license` a licence's class is `none`.
Cost: 0.5 GB/s a core (plain Python 21 MB/s), HTML 0.25 GB/s; deciding never reads text.
"""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.language_names import supported_languages
from schemas.licenses import is_allowed, license_class
from schemas.rules import ORIGINS, RULES_MEASURES
from schemas.verdicts import REASONS
from stages.kernels.arrow import utf8_buffers
from stages.kernels.counting.text import count_text
from stages.kernels.counting.visible_text import count_visible_characters
from stages.rules.options import RulesOptions
from stages.rules.origin import origins

XML_DECLARATION = "<?xml version="
XML_DECLARATION_WITHIN = 100
"""Characters from the start in which the declaration counts (the paper's)."""

JSON_AND_YAML = ("JSON", "YAML")
SCRIPTS = ("JavaScript", "CSS", "TypeScript", "JSX", "TSX")
PROSE_KINDS = ("markdown", "issue")


class RulesStage:
    """Measures lines, letters, XML declarations and visible text; drops by thresholds."""

    name: ClassVar[str] = "rules"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = ("languages.tsv", "licenses.toml", "origins.toml")
    Options: ClassVar[type[RulesOptions]] = RulesOptions
    optional: ClassVar[tuple[str, ...]] = (
        *("language", "other", "kind"),
        *("path", "is_vendor", "license"),
    )
    reads: ClassVar[tuple[str, ...]] = ("text", *optional)
    measured_with: ClassVar[frozenset[str]] = frozenset({"html_languages"})
    decides_on: ClassVar[tuple[str, ...]] = ("language", "other", "kind", "license")
    schema: pa.Schema = RULES_MEASURES

    def __init__(self, options: RulesOptions) -> None:
        self.options = options
        self.supported = [*supported_languages(), *options.also_keep]

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measure every text of the batch."""
        text = batch.column("text")
        counts = count_text(*utf8_buffers(text))
        start = pc.utf8_slice_codeunits(text, 0, XML_DECLARATION_WITHIN)
        name = _judged_name(batch)
        is_html = _is_in(name, self.options.html_languages)
        visible = count_visible_characters(*utf8_buffers(text.filter(is_html)))
        n_visible = np.zeros(len(text), np.int64)
        mask = is_html.to_numpy(zero_copy_only=False)
        n_visible[mask] = visible
        average_line_length = pa.array(_ratio(counts.n_line_characters, counts.n_lines))
        columns = [
            counts.n_characters,
            counts.n_lines,
            average_line_length,
            counts.max_line_length,
            _ratio(counts.n_alphabetic, counts.n_characters),
            pc.fill_null(pc.match_substring(start, XML_DECLARATION), False),
            pa.array(n_visible, mask=~mask),
            pa.array(_ratio(n_visible, counts.n_characters), mask=~mask),
            origins(
                text,
                _column(batch, "path"),
                _column(batch, "is_vendor"),
                average_line_length,
                is_script=_is_in(name, SCRIPTS),
                is_prose=_is_prose(batch),
            ),
            _by_value(_licenses(batch), license_class, pa.string()),
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
        if not o.code_rules_for_markdown:
            is_code = pc.invert(_is_prose(measures))
            drops = {reason: pc.and_(is_code, drop) for reason, drop in drops.items()}
        drops["empty"] = pc.equal(characters, 0)
        for origin in ORIGINS:
            is_dropped = origin in o.drop_origins
            drops[origin] = _is_in(measures["origin"], [origin] if is_dropped else [])
        drops["license"] = self._is_forbidden(measures)
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

    def _is_forbidden(self, measures: pa.RecordBatch) -> pa.Array:
        allowed = frozenset(each.lower() for each in self.options.license_allowed)
        if not allowed:
            return pa.repeat(False, len(measures))
        is_good = partial(is_allowed, allowed=allowed)
        return pc.invert(_by_value(_licenses(measures), is_good, pa.bool_()))


def _judged_name(batch: pa.RecordBatch) -> pa.Array:
    """coalesce(language, other), of the columns that are there."""
    present = [
        batch[name].cast(pa.string())
        for name in ("language", "other")
        if name in batch.schema.names
    ]
    return pc.coalesce(*present) if present else pa.nulls(len(batch), pa.string())


def _is_prose(batch: pa.RecordBatch) -> pa.Array:
    kind = _column(batch, "kind")
    return pa.repeat(False, len(batch)) if kind is None else _is_in(kind, PROSE_KINDS)


def _column(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    return batch[name] if name in batch.schema.names else None


def _licenses(batch: pa.RecordBatch) -> pa.Array:
    given = _column(batch, "license")
    return pa.nulls(len(batch), pa.string()) if given is None else given.cast(pa.string())


def _by_value(
    values: pa.Array, answer: Callable[[str | None], object], kind: pa.DataType
) -> pa.Array:
    """What a function says of each value, asked once for each that is different."""
    encoded = values.dictionary_encode(null_encoding="encode")
    answers = [answer(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(answers, kind).take(encoded.indices)


def _is_in(values: pa.Array, names: tuple[str, ...] | list[str]) -> pa.Array:
    return pc.is_in(values, value_set=pa.array(names, pa.string()))


def _ratio(
    numerator: np.ndarray[tuple[int], np.dtype[np.int64]],
    denominator: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Element-wise quotient; 0 where nothing is counted."""
    return numerator / np.maximum(denominator, 1)
