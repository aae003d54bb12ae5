"""What dedup measures of a batch."""

import numpy as np
import pyarrow as pa
import xxhash

from schemas.dedup import DEDUP_MEASURES
from stages.dedup.measure import DedupMeasure
from stages.dedup.options import DedupOptions


def measure(texts: list[str | None], **options: object) -> pa.RecordBatch:
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    return DedupMeasure(DedupOptions(**options)).process(batch)


def test_one_row_per_text():
    """The hash is xxh3_128 of the UTF-8 text, the count that of distinct shingles."""
    texts = ["a b c d e f", "x x x x x x x", "", "é漢字 \n", "a b c d e f"]
    result = measure(texts)
    result.validate(full=True)
    assert result.schema == DEDUP_MEASURES
    expected = [xxhash.xxh3_128_digest(text.encode()) for text in texts]
    assert expected == result["text_hash"].to_pylist()
    assert result["n_shingles"].to_pylist() == [2, 1, 1, 1, 2]
    signatures = result["signature"].to_pylist()
    assert signatures[0] == signatures[4] != signatures[1]


def test_equal_texts_measure_alike():
    """Among others, as the one text does by itself."""
    alone = measure(["one two three four five six"])
    rows = measure(["a b", "one two three four five six", "", "one two three four five six", "a b"])
    assert rows.slice(1, 1).equals(alone)
    assert rows.slice(3, 1).equals(alone)
    assert rows.slice(4, 1).equals(rows.slice(0, 1))


def test_slices_measure_as_their_own_rows():
    """A slice of a batch, which shares its buffers, gives the rows of the whole."""
    texts = ["one two", "three four five six seven", "eight"]
    batch = pa.record_batch({"text": pa.array(texts, pa.string())})
    stage = DedupMeasure(DedupOptions())
    assert stage.process(batch).slice(1).equals(stage.process(batch.slice(1)))


def test_no_rows():
    """An empty batch gives an empty one."""
    assert measure([]).num_rows == 0


def test_null_text_is_empty():
    """A null text measures as the empty one."""
    result = measure([None, ""])
    assert result.slice(0, 1).equals(result.slice(1, 1))


def test_cjk_splits_ideographs():
    """With `cjk` each ideograph is a token; without, a run of them is one."""
    text = ["中文分词测试一下"]
    assert measure(text)["n_shingles"].to_pylist() == [1]
    assert measure(text, cjk=True)["n_shingles"].to_pylist() == [4]


def test_golden_signature():
    """The bytes of a signature are part of every run on disk: raise `version` to change them."""
    row = measure(["def f(x):\n    return x + 1\n"]).to_pylist()[0]
    assert row["text_hash"].hex() == "ee978a06bdf9c422310918db4fd22bbb"
    assert row["n_shingles"] == 6
    signature = np.array(row["signature"], "<u4")
    assert xxhash.xxh3_128_hexdigest(signature.tobytes()) == "2faebb098b299bc9a046e4ddb84fba1a"
