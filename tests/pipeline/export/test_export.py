"""What `sluice export` writes, read back with a reader written from the format."""

import itertools
import json
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers

from pipeline.export import files, litdata, mds, megatron
from schemas.shards import SHARDS
from tests.pipeline.conftest import Sluice

TEXTS = ["def f():\n    return 1\n", "naïve 中文 text", "", "x = '</s>'\n" * 40, "last one"]
SPLIT = ["train", "heldout", "train", "train", "train"]
END = 0
"""The id of the end-of-text token."""


def make_tokenizer() -> tokenizers.Tokenizer:
    """A byte-level BPE without merges: an end token, then the 256 bytes."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=257,
        special_tokens=["</s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator([], trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


def rows(source: str, tokenizer: tokenizers.Tokenizer) -> list[dict[str, Any]]:
    made = []
    for number, (text, split) in enumerate(zip(TEXTS, SPLIT, strict=True)):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        if number == 4:
            ids = [*ids, END]
        part = {"doc_id": bytes([number] * 16), "uri": f"a/b@c:{number}.py", "language": "Python"}
        part |= {"license": None, "start": 0, "n_tokens": len(ids)}
        sample = {"sample_id": bytes([number] * 16), "source": source, "split": split}
        made.append({**sample, "tokens": ids, "n_tokens": len(ids), "parts": [part]})
    return made


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder of two shard sets, two files each, in row groups of two."""
    tokenizer = make_tokenizer()
    shards = tmp_path / "run" / "shards"
    files = []
    for name in ("code", "math-web"):
        (shards / name).mkdir(parents=True)
        all_rows = rows(name, tokenizer)
        for number, part in enumerate((all_rows[:3], all_rows[3:])):
            path = shards / name / f"{number:05d}.parquet"
            pq.write_table(pa.Table.from_pylist(part, SHARDS), path, row_group_size=2)
            files.append({"path": f"shards/{name}/{path.name}", "set": name, "rows": len(part)})
    (shards / "tokenizer.json").write_text(tokenizer.to_str())
    (shards / "manifest.json").write_text(
        json.dumps({"files": files, "sets": {"code": {}, "math-web": {}}})
    )
    return tmp_path / "run"


def read_megatron(stem: Path) -> tuple[str, list[list[int]], list[int]]:
    """Type of a token, the sequences, the document indices."""
    index = stem.with_suffix(".idx").read_bytes()
    magic, version, code, n, n_indices = struct.unpack_from("<9sQBQQ", index)
    assert (magic, version) == (b"MMIDIDX\0\0", 1)
    at = struct.calcsize("<9sQBQQ")
    lengths = struct.unpack_from(f"<{n}i", index, at)
    places = struct.unpack_from(f"<{n}q", index, at + 4 * n)
    indices = struct.unpack_from(f"<{n_indices}q", index, at + 12 * n)
    assert len(index) == at + 12 * n + 8 * n_indices
    kind = {8: "uint16", 4: "int32"}[code]
    data = stem.with_suffix(".bin").read_bytes()
    sequences = [
        np.frombuffer(data, kind, length, place).tolist()
        for length, place in zip(lengths, places, strict=True)
    ]
    assert sum(lengths) * np.dtype(kind).itemsize == len(data)
    return kind, sequences, list(indices)


def expected(split: str) -> list[list[int]]:
    made = rows("code", make_tokenizer())
    return [row["tokens"] for row in made if row["split"] == split and row["tokens"]]


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_megatron_has_a_document_for_each_row(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """In the order of the shards, splits apart, tokens as they are, rows without any left out."""
    out = tmp_path / "new" / "out"
    code, printed, _ = sluice("export", str(run), "--to", "megatron", "-o", str(out))
    assert code == 0
    assert "math-web/heldout" in printed
    files = [f"{split}.{suffix}" for split in ("heldout", "train") for suffix in ("bin", "idx")]
    sets = ("code", "math-web")
    assert names(out) == [*(f"{name}/{file}" for name in sets for file in files), "tokenizer.json"]
    for name in sets:
        for split in ("train", "heldout"):
            kind, sequences, indices = read_megatron(out / name / split)
            assert kind == "uint16"
            assert sequences == expected(split)
            assert indices == list(range(len(sequences) + 1))


def test_megatron_index_is_the_same_in_small_chunks(
    sluice: Sluice, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lengths are read back a chunk at a time."""
    sluice("export", str(run), "--to", "megatron", "-o", str(tmp_path / "a"))
    monkeypatch.setattr(megatron, "CHUNK", 2)
    sluice("export", str(run), "--to", "megatron", "-o", str(tmp_path / "b"))
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_large_vocabulary_takes_int32(
    sluice: Sluice, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 65,500 ids on, by Megatron's rule."""
    monkeypatch.setattr(files, "UINT16_VOCABULARY", 257)
    sluice("export", str(run), "--to", "megatron", "-o", str(tmp_path / "out"))
    kind, sequences, _ = read_megatron(tmp_path / "out" / "code" / "train")
    assert (kind, sequences) == ("int32", expected("train"))


def test_an_end_is_appended_once(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """A row that ends with it already stays as it is."""
    out = tmp_path / "out"
    arguments = ("--to", "megatron", "-o", str(out), "--append-eod", "--set", "code")
    assert sluice("export", str(run), *arguments)[0] == 0
    _, sequences, _ = read_megatron(out / "code" / "train")
    plain = expected("train")
    assert sequences == [ids if ids[-1] == END else [*ids, END] for ids in plain]
    assert [ids.count(END) for ids in sequences] == [1, 1, 1]
    assert not (out / "math-web").exists()


def test_megatron_core_reads_it(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """The library itself, where it is installed."""
    with warnings.catch_warnings(action="ignore"):
        indexed = pytest.importorskip("megatron.core.datasets.indexed_dataset")
    sluice("export", str(run), "--to", "megatron", "-o", str(tmp_path / "out"))
    for split in ("train", "heldout"):
        dataset = indexed.IndexedDataset(str(tmp_path / "out" / "code" / split))
        assert [ids.tolist() for ids in dataset] == expected(split)


def read_mds(folder: Path) -> list[tuple[str, list[int]]]:
    """The samples of every shard that the index lists, by the format's description."""
    found = []
    for shard in json.loads((folder / "index.json").read_text())["shards"]:
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        [n] = struct.unpack_from("<I", data)
        assert n == shard["samples"]
        places = struct.unpack_from(f"<{n + 1}I", data, 4)
        columns = json.loads(data[8 + 4 * n : places[0]])
        assert columns.items() <= shard.items()
        kind = columns["column_encodings"][1].removeprefix("ndarray:")
        for start, end in itertools.pairwise(places):
            name_size, array_size = struct.unpack_from("<II", data, start)
            assert start + 8 + name_size + array_size == end
            array = data[end - array_size : end]
            assert array[0] >> 2 == 1
            width = 1 << array[0] % 4
            ids = np.frombuffer(array[1 + width :], kind).tolist()
            assert len(ids) == int.from_bytes(array[1 : 1 + width], "little")
            found.append((data[start + 8 : start + 8 + name_size].decode(), ids))
        assert places[-1] == len(data)
    return found


def read_litdata(folder: Path) -> list[list[int]]:
    """The items of every chunk that the index lists, by the format's description."""
    index = json.loads((folder / "index.json").read_text())
    kind = {"no_header_tensor:20": "uint16", "no_header_tensor:16": "int32"}
    found: list[list[int]] = []
    for chunk in index["chunks"]:
        data = (folder / chunk["filename"]).read_bytes()
        [n] = struct.unpack_from("<I", data)
        places = struct.unpack_from(f"<{n + 1}I", data, 4)
        assert places[0] == 4 + 4 * (n + 1)
        assert places[-1] == chunk["chunk_bytes"] == len(data)
        items = [
            np.frombuffer(data[start:end], kind[index["config"]["data_format"][0]]).tolist()
            for start, end in itertools.pairwise(places)
        ]
        assert (n, sum(map(len, items))) == (chunk["chunk_size"], chunk["dim"])
        found += items
    return found


@pytest.mark.parametrize("size", [1, 700, 1 << 26])
@pytest.mark.parametrize("large", [False, True])
def test_streaming_formats_have_a_sample_for_each_row(
    sluice: Sluice,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    large: bool,
) -> None:
    """However many fit a shard, and of either type; a file that is full is not filled further."""
    monkeypatch.setattr(mds, "SHARD_BYTES", size)
    monkeypatch.setattr(litdata, "CHUNK_BYTES", size)
    monkeypatch.setattr(files, "UINT16_VOCABULARY", 257 if large else 65_500)
    for to in ("mds", "litdata"):
        assert sluice("export", str(run), "--to", to, "-o", str(tmp_path / to))[0] == 0
    for split in ("train", "heldout"):
        samples = read_mds(tmp_path / "mds" / "code" / split)
        assert [ids for _, ids in samples] == expected(split)
        assert samples[0][0] == bytes([0 if split == "train" else 1] * 16).hex()
        assert read_litdata(tmp_path / "litdata" / "math-web" / split) == expected(split)


def test_streaming_reads_it(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """MosaicML's library itself, where it is installed."""
    streaming = pytest.importorskip("streaming")
    sluice("export", str(run), "--to", "mds", "-o", str(tmp_path / "out"))
    for split in ("train", "heldout"):
        folder = str(tmp_path / "out" / "code" / split)
        dataset = streaming.LocalDataset(folder)
        assert [sample["tokens"].tolist() for sample in dataset] == expected(split)


def test_litdata_reads_it(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """The library itself, where it is installed: blocks of three tokens across documents."""
    library = pytest.importorskip("litdata")
    sluice("export", str(run), "--to", "litdata", "-o", str(tmp_path / "out"))
    folder = str(tmp_path / "out" / "code" / "train")
    loader = library.TokensLoader(block_size=3)
    dataset = library.StreamingDataset(folder, item_loader=loader, shuffle=False)
    tokens = list(itertools.chain.from_iterable(expected("train")))
    blocks = [tokens[start : start + 3] for start in range(0, len(tokens) - 2, 3)]
    with warnings.catch_warnings(action="ignore"):  # torch's, of a buffer that litdata copies
        assert [block.tolist() for block in dataset] == blocks


def test_jsonl_has_text_identity_and_parts(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """Strings that look like special tokens are the text's own."""
    out = tmp_path / "out"
    assert sluice("export", str(run), "--to", "jsonl", "-o", str(out), "--set", "code")[0] == 0
    content = (out / "code" / "train.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in content.removesuffix("\n").split("\n")]
    assert [line["text"].removesuffix("</s>") for line in lines] == [TEXTS[i] for i in (0, 3, 4)]
    assert lines[0]["id"] == "00" * 16
    meta = lines[1]["meta"]
    assert (meta["source"], meta["split"], meta["n_tokens"]) == ("code", "train", len(TEXTS[3]))
    assert meta["parts"][0]["uri"] == "a/b@c:3.py"
    heldout = json.loads((out / "code" / "heldout.jsonl").read_text(encoding="utf-8"))
    assert heldout["text"] == TEXTS[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "megatorn"], "did you mean megatron?"),
        (["--to", "jsonl", "--set", "cod"], "did you mean code?"),
        (["--to", "jsonl", "--append-eod"], "jsonl holds text"),
    ],
)
def test_wrong_usage(
    sluice: Sluice, run: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """Code 2, and nothing is written."""
    out = tmp_path / "out"
    code, _, err = sluice("export", str(run), "-o", str(out), *arguments)
    assert code == 2
    assert message in " ".join(err.split())
    assert not out.exists()


@pytest.mark.parametrize("place", ["{tmp}/full", "{tmp}/full/file", "{tmp}/run/exported"])
def test_only_a_new_or_empty_folder_is_written(
    place: str, sluice: Sluice, run: Path, tmp_path: Path
) -> None:
    """Nothing of anyone's is touched, and no run gets files that are not its own."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    out = place.format(tmp=tmp_path)
    assert sluice("export", str(run), "--to", "jsonl", "-o", out)[0] == 2
    assert names(tmp_path / "full") == ["file"]


def test_an_empty_folder_is_taken(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """As `mkdir` left it."""
    (tmp_path / "out").mkdir()
    assert sluice("export", str(run), "--to", "jsonl", "-o", str(tmp_path / "out"))[0] == 0
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_damage_leaves_nothing_behind(sluice: Sluice, run: Path, tmp_path: Path) -> None:
    """A file with other rows than the manifest says ends the export; DIR is not there."""
    path = run / "shards" / "math-web" / "00001.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    before = sorted(tmp_path.iterdir())
    code, _, err = sluice("export", str(run), "--to", "megatron", "-o", str(tmp_path / "out"))
    assert code == 1
    assert "math-web/00001.parquet" in err
    assert sorted(tmp_path.iterdir()) == before
