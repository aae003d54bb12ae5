"""`sluice export --mixture` writes the samples that the manifest's mixture draws."""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.export.export import Written, export
from schemas.shards import SHARDS
from stages.emit.mixture import mixture_of
from tests.pipeline.conftest import Sluice
from tests.pipeline.export.test_export import make_tokenizer

TOKENIZER = make_tokenizer().to_str()
Lengths = Mapping[str, Sequence[int]]


def write_run(
    folder: Path, lengths: Lengths, n_files: int, mixture: Mapping[str, Any] | None
) -> Path:
    """A run whose sets have train rows of these numbers of tokens, and two rows held out each."""
    files = []
    for name, train in lengths.items():
        (folder / "shards" / name).mkdir(parents=True)
        width = -(-len(train) // n_files)
        parts = [
            ("train", range(at, min(at + width, len(train)))) for at in range(0, len(train), width)
        ]
        parts.append(("heldout", range(len(train), len(train) + 2)))
        for number, (split, rows) in enumerate(parts):
            sizes = [*train, 3, 4]
            made = [
                {
                    "sample_id": row.to_bytes(16),
                    "source": name,
                    "split": split,
                    "tokens": [7] * sizes[row],
                    "n_tokens": sizes[row],
                    "parts": [],
                }
                for row in rows
            ]
            path = f"shards/{name}/{split}-{number:05d}.parquet"
            pq.write_table(pa.Table.from_pylist(made, SHARDS), folder / path, row_group_size=3)
            files.append({"path": path, "set": name, "rows": len(made)})
    manifest = {"files": files, "sets": {key: {} for key in lengths}}
    manifest |= {"mixture": mixture} if mixture else {}
    (folder / "shards/manifest.json").write_text(json.dumps(manifest))
    (folder / "shards/tokenizer.json").write_text(TOKENIZER)
    return folder


def drawn(run: Path, out: Path) -> tuple[dict[str, list[int]], list[Written]]:
    """Set → the rows of train that were written, in order; and what the export says of itself."""
    written = export(run, "jsonl", out, [], lambda *_: None, mixture=True)
    found = {}
    for path in out.glob("*/train.jsonl"):
        lines = map(json.loads, path.read_text().splitlines())
        found[path.parent.name] = [int(line["id"], 16) for line in lines]
    return found, written


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=20), min_size=1, max_size=3),
    st.data(),
    st.sampled_from([1.0, 1.5, 2.0, 3.25]),
)
def test_the_draw_has_the_weights_and_repeats_as_stated(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[list[int]],
    data: st.DataObject,
    most: float,
) -> None:
    """Each set has its tokens within a sample's size; a row is seen the whole epochs, or once more,
    the first rows first; the number of files changes nothing."""
    lengths = dict(zip(("code", "math-web", "natural"), sizes, strict=False))
    weights = {name: data.draw(st.integers(1, 100)) for name in lengths}
    tokens = {name: sum(train) for name, train in lengths.items()}
    mixture = mixture_of(weights, tokens, most)
    folder = tmp_path_factory.mktemp("run")
    found, written = drawn(write_run(folder / "a", lengths, 1, mixture), folder / "x")
    assert (found, written) == drawn(write_run(folder / "b", lengths, 4, mixture), folder / "y")
    for name, train in lengths.items():
        rows, said = found[name], mixture["drawn"]["sets"][name]
        has = sum(train[row] for row in rows)
        assert said["tokens"] <= has < said["tokens"] + max(train)
        assert has == said["tokens"] or said["epochs"] != int(said["epochs"])
        seen = Counter(rows)
        counts = [seen[row] for row in range(len(train))]
        assert counts == sorted(counts, reverse=True)
        assert counts[0] - counts[-1] <= 1
        assert counts[0] <= -(-most // 1)
        heldout = (folder / "x" / name / "heldout.jsonl").read_text().splitlines()
        assert len(heldout) == 2
    assert [one.drawn for one in written if one.draw] == [
        sum(train[row] for row in found[name]) for name, train in lengths.items()
    ]


def test_the_table_says_weights_and_epochs(sluice: Sluice, tmp_path: Path) -> None:
    """A row a split, and only sets that have a weight are written."""
    drawing = random.Random(0)
    lengths = {name: [drawing.randint(1, 9) for _ in range(40)] for name in ("code", "natural")}
    tokens = {name: sum(train) for name, train in lengths.items()}
    mixture = mixture_of({"natural": 5}, tokens, 2)
    run = write_run(tmp_path / "run", lengths, 2, mixture)
    out = tmp_path / "out"
    arguments = ("export", str(run), "--to", "megatron", "-o", str(out), "--mixture")
    code, printed, _ = sluice(*arguments)
    assert code == 0
    header, train, heldout = [line.split() for line in printed.splitlines()[:3]]
    assert header == ["written", "samples", "tokens", "weight", "share", "epochs"]
    assert train[1:] == ["80", f"{2 * tokens['natural']:,}", "100.0%", "100.0%", "2"]
    assert heldout[-2:] == ["2", "7"]
    assert not (out / "code").exists()
    code, _, said = sluice(*arguments, "--set", "code")
    assert code == 2
    assert "--set code: the mixture says which sets are written" in said


def test_a_run_without_a_mixture_says_how_to_get_one(sluice: Sluice, tmp_path: Path) -> None:
    """And nothing is written."""
    run = write_run(tmp_path / "run", {"code": [1, 2]}, 1, None)
    out = tmp_path / "out"
    code, _, said = sluice("export", str(run), "--to", "jsonl", "-o", str(out), "--mixture")
    assert code == 2
    assert "set `emit.mixture`" in said
    assert not out.exists()


def test_a_manifest_of_other_shards_is_found_out(sluice: Sluice, tmp_path: Path) -> None:
    """Tokens that are not there are not waited for."""
    mixture = mixture_of({"code": 1}, {"code": 10}, 1)
    run = write_run(tmp_path / "run", {"code": [0, 0]}, 1, mixture)
    out = tmp_path / "out"
    code, _, said = sluice("export", str(run), "--to", "jsonl", "-o", str(out), "--mixture")
    assert code == 1
    assert "code has no tokens to train on" in said
    assert not out.exists()
