"""A column of strings, value by value, held against pyarrow."""

import io
import random
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.github.entries import Damaged
from stages.github.tables import encodings, expanding
from stages.github.tables.leaf import NO_CONTENTS, TOO_LARGE, StringColumn
from stages.github.tables.snappy import BLOCK_BYTES, PIECE_BYTES, unsnap

LIMIT = 2000
ENCODINGS = (None, "PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY")


def rows_of_files(draw: random.Random) -> list[list[dict[str, str | None] | None] | None]:
    """Repositories of no, some and many files, with nulls at every level."""
    rows = []
    for n_files in draw.choices([0, None, 1, 3, 50], k=80):
        files = [
            None
            if draw.random() < 0.1
            else {"c": draw.choice([None, "", f"x{draw.randrange(50)} " * draw.randrange(60), "y"])}
            for _ in range(n_files or 0)
        ]
        rows.append(None if n_files is None else files)
    rows[5] = [{"c": "z" * (LIMIT + 1)}, {"c": "z" * LIMIT}]
    return rows


def places(rows):
    """Whether a row begins, and what is there."""
    for files in rows:
        for number, file in enumerate(files or [None]):
            text = None if file is None or file["c"] is None else file["c"].encode()
            expected = NO_CONTENTS if text is None else TOO_LARGE if len(text) > LIMIT else text
            yield number == 0, expected


def write(rows, **options) -> io.BytesIO:
    kind = pa.list_(pa.struct([("c", pa.string())]))
    out = io.BytesIO()
    pq.write_table(pa.table({"f": pa.array(rows, kind)}), out, write_batch_size=64, **options)
    return out


def columns_of(file: io.BytesIO):
    metadata = pq.read_metadata(file)
    for group in range(metadata.num_row_groups):
        chunk = metadata.row_group(group).column(0)
        yield StringColumn(file, chunk, metadata.schema.column(0), LIMIT), chunk.num_values


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "pieces"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_string_is_read_or_passed_over(monkeypatch, whole, version, encoding):
    """Every encoding, compression and kind of page, in small pages and one large one, whatever is
    skipped in between; pages above the limit are expanded in pieces, dictionaries lie on disk."""
    draw = random.Random(f"{version}{encoding}")
    codecs = ("snappy", "zstd", "gzip", "none")
    if not whole:
        monkeypatch.setattr(expanding, "WHOLE_BYTES", 0)
        monkeypatch.setattr(encodings, "_HELD_BYTES", 0)
    for codec in codecs if not whole else (*codecs, "brotli", "lz4"):
        rows = rows_of_files(draw)
        file = write(
            rows,
            compression=codec,
            data_page_version=version,
            data_page_size=draw.choice([500, 1 << 20]),
            row_group_size=50,
            use_dictionary=encoding is None,
            column_encoding=encoding and {"f.list.element.c": encoding},
        )
        expected = places(rows)
        for column, n_places in columns_of(file):
            left = n_places
            while left:
                n_skipped = min(draw.choice([0, 0, 1, 5, 90]), left)
                column.skip(n_skipped)
                for _ in range(n_skipped):
                    next(expected)
                left -= n_skipped
                if left:
                    begins_row, there = next(expected)
                    assert column.take(begins_row=begins_row) == there
                    left -= 1
            column.close()
        assert next(expected, None) is None


def test_columns_that_disagree_are_found_out():
    """A file's contents never get another one's name."""
    (column, _), *_ = columns_of(write([[{"c": "a"}, {"c": "b"}]]))
    column.skip(1)
    with pytest.raises(Damaged, match="disagree"):
        column.take(begins_row=True)


def test_a_column_that_ends_early():
    """Asked for more than there is."""
    (column, n_places), *_ = columns_of(write([[{"c": "a"}]]))
    column.skip(n_places)
    with pytest.raises(Damaged, match="ends before"):
        column.take(begins_row=True)


@pytest.mark.parametrize("codec", ["snappy", "zstd", "none"])
@pytest.mark.parametrize("whole", [True, False])
def test_flipped_bits_are_damage_and_nothing_else(monkeypatch, codec, whole):
    """Whatever a page holds, reading it ends or raises what quarantines the rest."""
    if not whole:
        monkeypatch.setattr(expanding, "WHOLE_BYTES", 0)
    draw = random.Random(codec)
    sound = write(rows_of_files(draw), compression=codec).getvalue()
    metadata = pq.read_metadata(io.BytesIO(sound))
    chunk, schema = metadata.row_group(0).column(0), metadata.schema.column(0)
    end = chunk.data_page_offset + 200
    for _ in range(25):
        data = bytearray(sound)
        data[draw.randrange(4, end)] ^= 1 << draw.randrange(8)
        column = StringColumn(io.BytesIO(bytes(data)), chunk, schema, LIMIT)
        try:
            for _ in range(chunk.num_values):
                try:
                    column.take(begins_row=True)
                except Damaged as damage:
                    if "disagree" not in damage.error:
                        raise
        except (Damaged, ValueError):
            pass


@pytest.mark.parametrize(
    "data",
    [b"", b"a", b"abc" * 100_000, bytes(3_000_000), random.Random(0).randbytes(70_000) * 40],
    ids=["nothing", "one", "repeated", "zeros", "random"],
)
def test_snappy_in_pieces_is_snappy(data):
    """Literals and copies of every length, over more than one window."""
    stream = io.BytesIO(pa.Codec("snappy").compress(data, asbytes=True))
    pieces = list(unsnap(stream))
    assert b"".join(pieces) == data
    assert all(len(piece) <= PIECE_BYTES + BLOCK_BYTES for piece in pieces)


@pytest.mark.parametrize(("codec", "dictionary"), [("snappy", False), ("zstd", True)])
def test_a_page_of_a_whole_repository_is_never_held(codec, dictionary):
    """Forty files of a megabyte lie in one page or dictionary: a few of them are in memory."""
    files = [{"c": f"{number} {'x' * 1_000_000}"} for number in range(40)]
    file = write([files], compression=codec, use_dictionary=dictionary)
    metadata = pq.read_metadata(file)
    column = StringColumn(file, metadata.row_group(0).column(0), metadata.schema.column(0), 1 << 24)
    tracemalloc.start()
    try:
        for number in range(40):
            assert column.take(begins_row=not number) == files[number]["c"].encode()
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()
        column.close()
