"""The rules stage decides as the paper's sentences say, at each threshold and beside it."""

import re
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.rules import RULES_MEASURES
from schemas.verdicts import REASONS
from stages.contract import Filter
from stages.rules.options import RulesOptions
from stages.rules.stage import RulesStage

REPOSITORIES = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "github"
DEFAULTS = RulesOptions()
CODE = "int main() { return zero; }\n" * 4


def judge(
    text: str | list[str], options: RulesOptions = DEFAULTS, **columns: str | None
) -> list[str | None]:
    """Reasons for texts that share `columns`, through measure and decide."""
    texts = [text] if isinstance(text, str) else text
    stage = RulesStage(options)
    given_columns = {
        name: pa.array([value] * len(texts), pa.string()) for name, value in columns.items()
    }
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string()), **given_columns})
    measures = stage.process(batch)
    assert measures.schema.equals(RULES_MEASURES)
    for name, value in given_columns.items():
        measures = measures.append_column(name, value)
    reasons = stage.decide(measures)
    assert reasons.type == pa.string()
    listed: list[str | None] = reasons.to_pylist()
    return listed


def judge_source(
    text: str | list[str], language: str | None, other: str | None = None
) -> list[str | None]:
    return judge(text, language=language, other=other, kind="source")


def test_is_a_filter() -> None:
    """The stage satisfies the protocol, and thresholds never measure again."""
    assert isinstance(RulesStage(DEFAULTS), Filter)
    thresholds = {name for name in RulesOptions.model_fields if name.startswith(("min", "max"))}
    assert len(thresholds) == 7
    assert not thresholds & RulesStage.measured_with


def test_ordinary_code_is_kept() -> None:
    """A plain source file of a supported language passes."""
    assert judge_source(CODE, "C") == [None]
    assert judge(CODE) == [None]


def test_empty() -> None:
    """A text without characters is empty, whatever its kind; white space is judged by rule."""
    assert judge_source("", "C") == ["empty"]
    assert judge_source("", None) == ["empty"]
    assert judge("", language=None, other="Markdown", kind="markdown") == ["empty"]
    assert judge("") == ["empty"]
    assert judge_source("\n\n", "C") == ["alphabetic"]


def test_average_line_length_at_the_threshold() -> None:
    """An average of 100 characters is kept, above it is not; terminators are not counted."""
    below, at, above = "a" * 99, "é" * 100, "a" * 101
    for end in ("\n", "\r\n", "\r"):
        texts = [end.join([line, line, ""]) for line in (below, at, above)]
        assert judge_source(texts, "C") == [None, None, "average_line_length"]
    assert judge_source("a" * 100 + "\n" + "a" * 101, "C") == ["average_line_length"]
    assert judge_source("a" * 101 + "\n\n", "C") == [None]
    assert judge_source("a" * 101 + "\n", "C") == ["average_line_length"]


def test_form_feed_and_line_separator_end_no_line() -> None:
    """Neither a form feed nor U+2028 makes lines shorter."""
    for character in "\f\v\x85\u2028\u2029":
        assert judge_source("a" * 60 + character + "a" * 60, "C") == ["average_line_length"]


def test_max_line_length_at_the_threshold() -> None:
    """A line of 1,000 characters is kept, one of 1,001 is not."""
    texts = ["\n" * 20 + "𝒳" * n for n in (999, 1000, 1001)]
    assert judge_source(texts, "C") == [None, None, "max_line_length"]


def test_alphabetic_share_at_the_threshold() -> None:
    """A quarter of alphabetic characters is kept, less is not; terminators are characters."""
    assert judge_source(["ab" + "1" * 6, "aé" + "1" * 5 + "\n", "漢字" + "1" * 7], "C") == [
        None,
        None,
        "alphabetic",
    ]
    assert judge_source("a" * 24 + "²" * 76, "C") == ["alphabetic"]
    assert judge_source("a\x00\x00\x00", "C") == [None]


def test_xml_declaration_in_the_first_hundred_characters() -> None:
    """The declaration counts when it lies whole within 100 characters, unless XSLT."""
    declaration = "<?xml version="
    texts = ["é\n" * (n // 2) + "é" * (n % 2) + declaration + '"1.0"?>words' for n in (0, 86, 87)]
    assert judge_source(texts, "XML") == ["xml_declaration", "xml_declaration", None]
    assert judge_source(texts, "XSLT") == [None, None, None]
    assert judge_source("<?XML VERSION='1.0'?><words/>", "XML") == [None]
    assert judge(texts[0]) == ["xml_declaration"]


def html(n_visible: int, n_characters: int) -> str:
    visible = ("word " * n_visible)[: n_visible - 1] + "x"
    text = f"<p>{visible}</p>"
    padding = n_characters - len(text) - len("<!---->\n")
    return text + "<!--" + "ab\n" * (padding // 3) + "c" * (padding % 3) + "-->\n"


def test_html_visible_text_at_the_thresholds() -> None:
    """HTML is kept from 20 % and from 100 characters of visible text on."""
    assert judge_source([html(n, 495) for n in (99, 100)], "HTML") == ["html_visible_text", None]
    assert judge_source([html(200, n) for n in (1000, 1001)], "HTML") == [None, "html_visible_text"]


def test_visible_text_is_for_html_alone() -> None:
    """Other languages, templates among them, have no visible text unless they are named."""
    text = html(20, 400)
    assert judge_source(text, "HTML Django") == [None]
    assert judge(text) == [None]
    templates = RulesOptions(html_languages=("HTML", "HTML Django"))
    assert judge(text, templates, language="HTML Django") == ["html_visible_text"]


@pytest.mark.parametrize(("language", "other"), [("JSON", None), (None, "YAML")])
def test_json_and_yaml_sizes(language: str | None, other: str | None) -> None:
    """JSON and YAML are kept from 50 to 5,000 characters; other languages at any size."""
    texts = ["é" * 9 + "\n" + "a" * (n - 10) for n in (49, 50)]
    texts += [("a" * 49 + "\n") * 100 + extra for extra in ("", "a")]
    drop = "json_yaml_characters"
    assert judge_source(texts, language, other) == [drop, None, None, drop]
    assert judge_source(texts, "C") == [None] * 4
    assert judge_source(texts, "Jupyter Notebook") == [None] * 4


def test_unsupported_language() -> None:
    """Source files of none of the 338 languages are dropped, but for those also kept."""
    assert judge_source(CODE, None, "Prolog") == ["unsupported_language"]
    assert judge_source(CODE, None, None) == ["unsupported_language"]
    assert judge_source(CODE, None, "YAML") == [None]
    assert judge_source(CODE, "Jupyter Notebook") == [None]
    assert judge(CODE, language="Prolog") == ["unsupported_language"]
    options = RulesOptions(also_keep=("Prolog",))
    assert judge(CODE, options, language=None, other="Prolog", kind="source") == [None]
    assert judge(CODE, options, language=None, other="YAML", kind="source") == [
        "unsupported_language"
    ]


@pytest.mark.parametrize("kind", ["markdown", "issue"])
def test_prose_skips_the_rules_for_code(kind: str) -> None:
    """Markdown and issues are judged by `empty` alone, unless the switch says otherwise."""
    texts = ["a" * 2000, "1234", '<?xml version="1.0"?>']
    assert judge(texts, language=None, other="Markdown", kind=kind) == [None] * 3
    options = RulesOptions(code_rules_for_markdown=True)
    assert judge([*texts, CODE], options, language=None, other="Markdown", kind=kind) == [
        "average_line_length",
        "alphabetic",
        "xml_declaration",
        None,
    ]


def test_the_first_reason_wins() -> None:
    """A file that breaks every rule is dropped by the first in the recorded order."""
    text = '<?xml version="1.0"?>' + "1" * 6000
    assert judge_source(text, "JSON") == ["average_line_length"]
    assert judge_source(text + "\n" * 100, "JSON") == ["max_line_length"]
    assert judge_source("1\n" * 20, None) == ["alphabetic"]
    assert judge_source('<?xml version="1.0"?>', None) == ["xml_declaration"]
    assert judge_source("abc", "JSON") == ["json_yaml_characters"]


def test_null_text_and_no_rows() -> None:
    """A null text is empty; a batch without rows gives none."""
    batch = pa.record_batch({"text": pa.array([None, "abc"], pa.string())})
    stage = RulesStage(DEFAULTS)
    assert stage.decide(stage.process(batch)).to_pylist() == ["empty", None]
    assert judge([]) == []


def test_thresholds_are_options() -> None:
    """Every threshold can be chosen, and a senseless one is refused."""
    assert judge("a" * 101, RulesOptions(max_average_line_length=101)) == [None]
    assert judge("a" * 1001, RulesOptions(max_average_line_length=2000, max_line_length=1001)) == [
        None
    ]
    assert judge("a111111", RulesOptions(min_alphabetic_share=0.1)) == [None]
    with pytest.raises(ValidationError):
        RulesOptions(min_alphabetic_share=25)


def decide_plainly(text: str, language: str | None) -> str | None:
    """The rules in plain Python, for languages without rules of their own."""
    lines = re.split("\r\n|\r|\n", text)
    if lines[-1] == "":
        lines.pop()
    if not text:
        return "empty"
    if sum(map(len, lines)) > 100 * len(lines):
        return "average_line_length"
    if max(map(len, lines)) > 1000:
        return "max_line_length"
    if sum(map(str.isalpha, text)) < 0.25 * len(text):
        return "alphabetic"
    if "<?xml version=" in text[:100]:
        return "xml_declaration"
    return None if language else "unsupported_language"


LINES = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.integers(995, 1005).map(lambda n: "é" * n),
        st.sampled_from(["<?xml version=", "1" * 30, "\x00", "\f", "a" * 100]),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=150)
@given(
    st.builds(lambda lines, end: end.join(lines), LINES, st.sampled_from(["\n", "\r\n", "\r", ""])),
    st.sampled_from(["C", None]),
)
def test_decides_as_plain_python(text: str, language: str | None) -> None:
    """Any Unicode text gets the verdict of the rules written plainly."""
    reason = decide_plainly(text, language)
    assert judge_source(text, language) == [reason]
    assert reason is None or reason in REASONS["rules"]


@pytest.mark.skipif(not REPOSITORIES.exists(), reason="no shared data")
def test_real_files_decide_as_plain_python() -> None:
    """Every UTF-8 file of a real repository gets the plain rules' verdict."""
    texts = []
    with tarfile.open(REPOSITORIES / "DaveGamble__cJSON.tar.gz") as archive:
        for member in archive:
            stream = archive.extractfile(member)
            try:
                texts.append(stream.read().decode() if stream is not None else "")
            except UnicodeDecodeError:
                continue
    assert len(texts) > 100
    options = RulesOptions(drop_origins=())
    found = judge(texts, options, language="C", kind="source")
    assert found == [decide_plainly(text, "C") for text in texts]
