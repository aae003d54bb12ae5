"""A small table as one artefact: an Arrow file, with the same bytes for the same rows."""

import pyarrow as pa

from stages.contract import Artefact


def table_bytes(table: pa.Table) -> bytes:
    """The bytes of an artefact; `read_table` reads it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def read_table(artefact: Artefact) -> pa.Table:
    """The table that an artefact holds."""
    with pa.ipc.open_file(pa.BufferReader(artefact.read())) as reader:
        return reader.read_all()
