"""Decontaminate finds benchmark problems wherever they are hidden, and nothing else."""

import html
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.contract import Filter
from stages.decontaminate.benchmarks import FIELDS, benchmark_files, read_items
from stages.decontaminate.stage import DecontaminateStage
from stages.kernels.shingles import CJK_RANGES
from tests.stages.decontaminate.planting import PROBLEM, reasons, spans, stage, write

BENCHMARKS = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "benchmarks"
SETS = sorted(path.name for path in BENCHMARKS.glob("*.jsonl"))
CJK = "".join(f"{chr(first)}-{chr(last)}" for first, last in CJK_RANGES)


ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\[nrt]|&(?:lt|gt|amp|quot|apos|nbsp|#34|#39|#x27);")


def oracle_tokens(text: str) -> list[str]:
    """NFC, lower case, `\\w+` runs, a CJK character alone, behind escapes and entities."""
    plain = ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else " ",
        unicodedata.normalize("NFC", text),
    )
    lowered = plain.lower().replace("ς", "σ")
    out = []
    for run in re.findall(r"\w+", lowered):
        out += re.findall(f"[{CJK}]|[^{CJK}]+", run)
    return out


def windows(tokens: list[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[i : i + length]) for i in range(len(tokens) - length + 1)]


class Oracle:
    """The definition in plain Python, over items as read."""

    def __init__(self, folder: Path) -> None:
        problems = defaultdict(set)
        self.short: set[tuple[str, ...]] = set()
        for path in benchmark_files([str(folder)]):
            for item in read_items(path):
                for text in item.texts:
                    tokens = oracle_tokens(text)
                    for gram in windows(tokens, 10):
                        problems[gram].add(item.problem)
                    stripped = unicodedata.normalize("NFC", text).strip()
                    if 3 <= len(tokens) <= 9 and len(stripped) >= 20:
                        self.short.add(tuple(tokens))
        self.grams = {
            gram
            for gram, found in problems.items()
            if len(found) <= 2 and len(set(gram)) >= 6 and not all(t.isdigit() for t in gram)
        }

    def holds(self, text: str) -> bool:
        tokens = oracle_tokens(text)
        if any(gram in self.grams for gram in windows(tokens, 10)):
            return True
        lengths = {len(short) for short in self.short}
        return any(gram in self.short for n in lengths for gram in windows(tokens, n))


@pytest.fixture
def planted(tmp_path: Path) -> DecontaminateStage:
    rows = [
        {"task_id": "T/7", "question": PROBLEM, "notes": "never read " * 20},
        {"task_id": "T/8", "question": "Sort the shortest words first"},
    ]
    return stage(write(tmp_path / "sets", "tiny.jsonl", rows))


def test_is_a_filter(planted: DecontaminateStage) -> None:
    """The stage is what the engine takes for a filter."""
    assert isinstance(planted, Filter)


def test_without_benchmarks_everything_is_kept() -> None:
    """No benchmarks, no spans, no reasons."""
    none = stage()
    assert spans(none, PROBLEM, "", None) == [[], [], []]
    assert reasons(none, PROBLEM) == [None]
    assert none.resources() == {}


def test_evidence_names_the_bytes(planted: DecontaminateStage) -> None:
    """The span covers the original bytes, with set and item."""
    text = f"é, ONE-two; {PROBLEM[8:]} end"
    [[span]] = spans(planted, text)
    assert span["kind"] == "tiny/T/7"
    assert text.encode()[span["start"] : span["end"]].decode() == f"ONE-two; {PROBLEM[8:]}"
    assert reasons(planted, text, "clean", "") == ["benchmark", None, None]


def test_nine_tokens_are_not_ten(planted: DecontaminateStage) -> None:
    """Nine tokens of a long field do not match, ten do."""
    tokens = PROBLEM.split()
    assert spans(planted, " ".join(tokens[:9]), " ".join(tokens[:10])) == [
        [],
        [{"start": 0, "end": len(" ".join(tokens[:10])), "kind": "tiny/T/7"}],
    ]


def test_short_fields_match_whole(planted: DecontaminateStage) -> None:
    """A short field matches only with all of its tokens, next to one another."""
    found = spans(
        planted, "x sort the SHORTEST words first!", "sort the shortest words", "sort first"
    )
    assert [len(row) for row in found] == [1, 0, 0]
    assert found[0] == [{"start": 2, "end": 31, "kind": "tiny/T/8"}]


@pytest.mark.parametrize(
    ("field", "counts"),
    [
        ("a b c d e f f f f f", True),
        ("a b c d e e e e e e", False),
        ("1 2 3 4 5 6 7 8 9 10", False),
        ("1 2 3 4 5 6 7 8 9 x", True),
        ("sum of the two three", True),
        ("sum of two threes a", False),
        ("abcdefghij klmnopqrst", False),
        ("买了三盒茶叶一共多少", True),
    ],
)
def test_what_counts(tmp_path: Path, field: str, counts: bool) -> None:
    """Six distinct tokens, not all digits; a short field needs three tokens, twenty characters."""
    made = stage(write(tmp_path / "sets", "one.jsonl", [{"text": field}]))
    assert bool(spans(made, f"before {field} after")[0]) is counts


def test_phrases_of_three_problems_do_not_count(tmp_path: Path) -> None:
    """A 10-gram of two problems counts, of three it does not."""
    for n_problems, counts in ((2, True), (3, False)):
        rows = [{"text": f"{PROBLEM} {'x' * n}"} for n in range(1, n_problems + 1)]
        made = stage(write(tmp_path / str(n_problems), "set.jsonl", rows))
        assert bool(spans(made, " ".join(PROBLEM.split()[:10]))[0]) is counts


def test_translations_are_one_problem(tmp_path: Path) -> None:
    """The same number in sets whose names differ by language only is one problem."""
    folder = tmp_path / "sets"
    for language in ("cpp", "rs", "go"):
        write(folder, f"h-{language}.jsonl", [{"name": "H_3_x", "prompt": PROBLEM}, {"text": "."}])
    assert spans(stage(folder), PROBLEM)[0]
    write(folder, "h-other.jsonl", [{"name": "H_3_x", "prompt": PROBLEM}])
    assert spans(stage(folder), PROBLEM)[0]
    write(folder, "k-other.jsonl", [{"name": "H_3_x", "prompt": PROBLEM}])
    assert not spans(stage(folder), PROBLEM)[0]


def test_decomposed_text_matches(tmp_path: Path) -> None:
    """A text that is not in NFC matches, and its span is that of the text as it is."""
    field = "größer Äpfel über Öl und süße Früchte für Bär Löwe"
    made = stage(write(tmp_path / "sets", "de.jsonl", [{"text": field}]))
    text = "vor café\n" + unicodedata.normalize("NFD", field) + " nach"
    [[span]] = spans(made, text)
    covered = text.encode()[span["start"] : span["end"]].decode()
    assert unicodedata.normalize("NFC", covered) == field


@pytest.mark.parametrize(
    "dress",
    [
        repr,
        lambda text: repr(repr(text)),
        json.dumps,
        lambda text: json.dumps(json.dumps({"content": text})),
        lambda text: f"<pre>{html.escape(text)}</pre>",
        lambda text: "\n".join(f"\tb.WriteString({json.dumps(line)})" for line in [text]),
        lambda text: text.replace(" ", "\n// "),
        lambda text: text.replace("\n", "\\r\\n\\t").replace('"', "&quot;"),
    ],
)
def test_escaped_problems_match(tmp_path: Path, dress: Callable[[str], str]) -> None:
    """A problem in a string literal, in JSON, in a page's source or a comment is one."""
    problem = 'def été(s):\n\t"""Shift \'s\'."""\n\tout = []\n\tfor c in s & t:\n\t\tnow()\n'
    made = stage(write(tmp_path / "sets", "s.jsonl", [{"code": problem}]))
    text = "x = " + dress(problem) + "\ny = 1"
    [[span]] = spans(made, text)
    assert span["kind"] == "s/0"
    assert reasons(made, text, "def other(s):\\n\\tout = []\\n") == ["benchmark", None]


def test_commands_of_tex_are_themselves(tmp_path: Path) -> None:
    """Escapes are read alike on both sides, so a command that begins like one still matches."""
    problem = (
        r"Let \theta and \nu with \rho \times \tau be given, find \neg the \right answer \text here"
    )
    made = stage(write(tmp_path / "sets", "s.jsonl", [{"problem": problem}]))
    assert reasons(made, problem, json.dumps(problem)) == ["benchmark", "benchmark"]


ALPHABET = "ab cd_1２\\ntu0&;lt#39 é é中文かカ゛\n,Σσςİi̇ẞ한가"


@settings(max_examples=60)
@given(
    st.lists(st.text(ALPHABET, max_size=40), min_size=1, max_size=4),
    st.lists(st.text(ALPHABET, max_size=40), max_size=3),
)
def test_equals_the_oracle(
    tmp_path_factory: pytest.TempPathFactory, fields: list[str], others: list[str]
) -> None:
    """Verdicts are those of the definition in plain Python, on Unicode too."""
    folder = tmp_path_factory.mktemp("oracle") / "sets"
    write(folder, "s.jsonl", [{"text": field} for field in fields])
    oracle, made = Oracle(folder), stage(folder)
    texts = [*fields, *others, *(f"{a} {b}" for a in fields for b in others)]
    found = spans(made, *texts)
    assert [bool(row) for row in found] == [oracle.holds(text) for text in texts]
    for text, row in zip(texts, found, strict=True):
        position = 0
        for span in row:
            assert position <= span["start"] < span["end"] <= len(text.encode())
            text.encode()[span["start"] : span["end"]].decode()
            position = span["end"]


@pytest.fixture(scope="module")
def real() -> tuple[DecontaminateStage, Oracle]:
    if not SETS:
        pytest.skip("no benchmark data beside the repository")
    return stage(BENCHMARKS), Oracle(BENCHMARKS)


@pytest.mark.skipif(not SETS, reason="no benchmark data beside the repository")
@pytest.mark.parametrize("name", SETS)
def test_real_sets(real: tuple[DecontaminateStage, Oracle], name: str) -> None:
    """Every item of every set, planted, is judged as the oracle judges it."""
    made, oracle = real
    rows = [json.loads(line) for line in (BENCHMARKS / name).read_text("utf-8").splitlines()]
    texts = [
        "intro\n" + "\n".join(row[f] for f in FIELDS if isinstance(row.get(f), str)) + "\nend"
        for row in rows
    ]
    assert reasons(made, *texts) == ["benchmark" if oracle.holds(t) else None for t in texts]


@pytest.mark.skipif(not SETS, reason="no benchmark data beside the repository")
def test_most_real_items_are_found(real: tuple[DecontaminateStage, Oracle]) -> None:
    """Nearly every problem of HumanEval, MBPP, GSM8K and miniF2F is found when planted whole."""
    made, _ = real
    for name in ("humaneval-python", "mbpp", "gsm8k-test", "minif2f-test", "mgsm_zh-mgsm_zh"):
        items = read_items(BENCHMARKS / f"{name}.jsonl")
        found = reasons(made, *("\n".join(item.texts) for item in items))
        assert found.count("benchmark") >= 0.95 * len(items), name
