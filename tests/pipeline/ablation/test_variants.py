"""What each variant holds, held against the run's own tables."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.ablation.heldout import GROUP
from pipeline.ablation.options import AblationOptions
from pipeline.ablation.variants import Variants, make_variants
from pipeline.engine.runner import Monitor
from pipeline.inspection.verify import verify
from schemas.shards import SHARDS
from stages.errors import ConfigError
from stages.kernels.bpe.tokenizer import Tokenizer
from tests.pipeline.conftest import read_shards

OPTIONS = AblationOptions(
    heldout_bytes=60_000, heldout_document_bytes=20_000, heldout_rate=0.5, tokenizer_bytes=200_000
)


@pytest.fixture(scope="module")
def variants(ablated_run: Path) -> Variants:
    return make_variants(ablated_run, OPTIONS, address="local")


def shards(variants: Variants, variant: str) -> pa.Table:
    """All samples of a variant."""
    paths = sorted(variants.shards(variant).glob("*/*.parquet"))
    return pa.concat_tables(pq.read_table(path) for path in paths)


def parts(table: pa.Table) -> list[bytes]:
    """The documents of all samples, each once."""
    found = (part["doc_id"] for row in table["parts"].to_pylist() for part in row)
    return list(dict.fromkeys(found))


def column(run: Path, folder: str, name: str) -> list:
    return read_shards(run / folder, [name])[name].to_pylist()


def test_rules_holds_what_rules_alone_kept(ablated_run: Path, variants: Variants) -> None:
    """Files that language and rules kept, and every page, but for the held-out clusters."""
    held = set(parts(shards(variants, "heldout")))
    expected = []
    for corpus, keep in (
        ("github", column(ablated_run, "github/rules", "keep")),
        ("web", None),
    ):
        ids = column(ablated_run, f"{corpus}/documents", "doc_id")
        clusters = column(ablated_run, f"{corpus}/dedup", "cluster")
        expected += [
            doc_id
            for i, doc_id in enumerate(ids)
            if (keep is None or keep[i]) and clusters[i] not in held
        ]
    assert sorted(parts(shards(variants, "rules"))) == sorted(expected)
    assert len(held) > 5


def test_full_is_the_product_without_the_held_out(ablated_run: Path, variants: Variants) -> None:
    """A document a sample, unless joining is asked for."""
    product = set(
        parts(
            pa.concat_tables(
                pq.read_table(path) for path in sorted(ablated_run.glob("shards/*/*.parquet"))
            )
        )
    )
    full, held = shards(variants, "full"), set(parts(shards(variants, "heldout")))
    assert held < product
    assert set(parts(full)) == product - held
    assert all(len(row) == 1 for row in full["parts"].to_pylist())
    assert max(full["n_tokens"].to_pylist()) == OPTIONS.row_tokens
    assert len(set(full["sample_id"].to_pylist())) == len(full)
    assert set(full["split"].to_pylist()) == {"train"}


def test_duplicates_of_a_held_out_document_are_gone_from_rules(
    ablated_run: Path, variants: Variants
) -> None:
    """Also those that dedup dropped: the corpus has a copy of a whole package."""
    clusters = {
        doc_id: cluster
        for corpus in ("github", "web")
        for doc_id, cluster in zip(
            column(ablated_run, f"{corpus}/documents", "doc_id"),
            column(ablated_run, f"{corpus}/dedup", "cluster"),
            strict=True,
        )
    }
    held = set(parts(shards(variants, "heldout")))
    twins = {doc_id for doc_id, cluster in clusters.items() if cluster in held} - held
    assert twins, "the inputs should have a duplicate of a held-out document"
    assert not twins & set(parts(shards(variants, "rules")))
    removed = sum(row["removed"] for row in variants.counts if row["variant"] == "rules")
    assert removed > sum(row["removed"] for row in variants.counts if row["variant"] == "full")


def test_all_three_have_one_tokenizer_and_the_product_s_schema(variants: Variants) -> None:
    """The tokens decode to texts with their path comments."""
    files = [variants.shards(name) / "tokenizer.json" for name in ("rules", "full", "heldout")]
    assert len({path.read_bytes() for path in files}) == 1
    tokenizer = Tokenizer(str(files[0]))
    assert tokenizer.vocabulary_size <= 8192
    held = shards(variants, "heldout")
    assert held.schema.equals(SHARDS)
    assert set(held["split"].to_pylist()) == {"heldout"}
    code = read_shards(variants.shards("heldout") / "code").to_pylist()[0]
    path = code["parts"][0]["uri"].rpartition(":")[2]
    text = tokenizer.decode(np.array(code["tokens"], np.uint32))
    assert text.startswith(f"# {path}\n")


def test_counts_and_manifests_say_what_is_there(variants: Variants) -> None:
    """Documents, tokens, and the hash of every file."""
    for row in variants.counts:
        table = read_shards(variants.shards(row["variant"]) / row["source"])
        assert row["tokens"] == sum(table["n_tokens"].to_pylist())
        assert row["documents"] == len(parts(table))
    manifest = json.loads((variants.shards("rules") / "manifest.json").read_text())
    assert {file["set"] for file in manifest["files"]} == {
        row["source"] for row in variants.counts if row["variant"] == "rules"
    }


def test_a_second_time_nothing_is_made(ablated_run: Path, variants: Variants) -> None:
    """And the answer is the same."""

    class Strict(Monitor):
        def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
            raise AssertionError(f"{step} ran again")

    again = make_variants(ablated_run, OPTIONS, address="local", monitor=Strict())
    assert again == variants


def test_the_run_stays_sound(ablated_run: Path, variants: Variants) -> None:
    """An ablation is no part of the run that `sluice verify` vouches for."""
    assert verify(ablated_run) == []


def test_a_folder_without_a_ablated_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no finished run"):
        make_variants(tmp_path, OPTIONS, address="local")


def test_no_repository_is_on_both_sides(ablated_run: Path, tmp_path: Path) -> None:
    """Where repositories and domains are drawn: what is held out shares none with what is trained
    on, and only the whole chain's variant is made for two of its sets."""
    folder = Path(shutil.copytree(ablated_run, tmp_path / "run"))
    options = OPTIONS.model_copy(
        update={"heldout_unit": "repository", "sets": ("code", "text"), "heldout_rate": 0.3}
    )
    made = make_variants(folder, options, address="local")
    assert {row["variant"] for row in made.counts} == {"full", "heldout"}
    groups = {
        doc_id: group
        for corpus, name in GROUP.items()
        for doc_id, group in zip(
            column(folder, f"{corpus}/documents", "doc_id"),
            column(folder, f"{corpus}/documents", name),
            strict=True,
        )
    }
    held, full = (
        {groups[doc_id] for doc_id in parts(shards(made, variant))}
        for variant in ("heldout", "full")
    )
    assert held
    assert full
    assert not held & full


def test_another_run_is_without_what_this_one_holds_out(
    ablated_run: Path, run_by_repository: Path
) -> None:
    """Also without its duplicates, that the other run has not compared file by file."""
    first = make_variants(ablated_run, OPTIONS, address="local")
    other = run_by_repository
    second = make_variants(other, OPTIONS, beside=first, address="local")
    assert {row["variant"] for row in second.counts} == {"rules", "full"}
    held = set(parts(shards(first, "heldout")))
    clusters = dict(
        zip(
            column(ablated_run, "github/documents", "doc_id"),
            column(ablated_run, "github/dedup", "cluster"),
            strict=True,
        )
    )
    kept = column(other, "github/dedup", "keep")
    ids = column(other, "github/documents", "doc_id")
    copies = {
        doc_id
        for doc_id, keep in zip(ids, kept, strict=True)
        if keep and clusters[doc_id] in held and doc_id not in held
    }
    assert copies, "the other run should keep a copy of a held-out document"
    assert not (held | copies) & set(parts(shards(second, "full")))
    files = [one.shards("full") / "tokenizer.json" for one in (first, second)]
    assert files[0].read_bytes() == files[1].read_bytes()
