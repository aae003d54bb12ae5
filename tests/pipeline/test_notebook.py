"""`from pipeline import Run`: what the commands find, for a notebook."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import Run
from pipeline.inspection.stats import funnel
from pipeline.run import run
from stages.errors import ConfigError
from tests.pipeline.conftest import configured


@pytest.fixture(scope="module")
def demo(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("notebook") / "run"
    off = [f"redact.{kind}=false" for kind in ("email", "ip_address", "key")]
    run(configured(inputs, folder, *off), address="local")
    return Run(folder)


def test_tables_are_arrow(demo: Run) -> None:
    """Named as in SQL; identities are text."""
    assert "github.rules" in demo.tables
    whole = demo.table("github.rules")
    assert whole.num_rows == demo.table("github.documents", ["uri"]).num_rows
    (row,) = demo.sql("select count(*) as n from github.rules").to_pylist()
    assert row == {"n": whole.num_rows}
    assert len(whole["doc_id"][0].as_py()) == 32
    with pytest.raises(ConfigError, match="Tables of this run"):
        demo.table("github.rulez")


def test_a_document_is_shown_by_the_first_digits_of_its_id(demo: Run) -> None:
    """As by its uri."""
    row = demo.table("github.documents", ["doc_id", "uri"]).to_pylist()[3]
    (life,) = demo.show(row["doc_id"][:12])
    assert life.documents["uri"] == row["uri"]
    assert demo.show(row["uri"]) == [life]


def test_the_funnel_is_a_table_for_eyes(demo: Run) -> None:
    """As text and as HTML, every stage with its counts; nothing of a document unescaped."""
    counts = demo.stats()
    assert list(counts) == funnel(demo.folder)
    assert counts.to_arrow()["stage"].to_pylist() == [count.stage for count in counts]
    for shown in (repr(demo), repr(counts), counts._repr_html_(), demo._repr_html_()):
        for count in counts:
            assert count.stage in shown
            assert f"{count.documents:,}" in shown
    assert counts._repr_html_().count("<tr>") == len(counts) + 1


def test_stages_and_groups(demo: Run) -> None:
    """What `sluice stats STAGE` and `--by` say."""
    assert demo.stats("github.rules")["counts"].stage == "github.rules"
    groups = demo.stats("github.rules", by="repo")
    assert sum(groups["documents"].to_pylist()) == demo.table("github.rules").num_rows


def test_samples_are_decoded(demo: Run) -> None:
    """Documents as they were tokenised: after their comments, one after another."""
    rows = demo.table("github.documents", ["uri", "text"]).to_pylist()
    texts = {row["uri"]: row["text"] for row in rows}
    found = demo.sample("code", 3, "len(parts) > 1")
    assert len(found) == 3
    for sample in found:
        assert len(sample.parts) > 1
        assert sum(part.facts["n_tokens"] for part in sample.parts) == sample.n_tokens
        for part in sample.parts:
            path = part.facts["uri"].rpartition(":")[2]
            assert part.text.startswith(f"# {path}\n")
            assert part.text.partition("\n")[2] == texts[part.facts["uri"]]
    assert demo.sample("code", 1, "split = 'nowhere'") == []
    with pytest.raises(ConfigError, match="did you mean code"):
        demo.sample("cod")
    with pytest.raises(ConfigError, match="n_token"):
        demo.sample("code", 1, "n_token > 1")


def test_the_package_alone_is_light() -> None:
    """Workers and `--help` import it without DuckDB or Arrow."""
    script = "import sys, pipeline; print({'duckdb', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
