"""Kernels compiled before they are needed: once a machine, not once in every process at once.

Numba compiles a kernel when it is first called and keeps it in its cache folder. Workers start
together and call the same kernels, so each would compile all of them. Here is what they call, by
module, function and types, in groups that take about as long and share no helper: whoever starts
workers has each group compiled by one of them. All of it takes 64 s of CPU where nothing is cached,
and 2 s where everything is. A kernel that is missing here is compiled where it is called, on some
record's time.

tests/stages/kernels/test_ahead.py runs every stage and finds what is missing.
"""

import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

READONLY = "readonly:"
_RECORD = re.compile(r"([\w.]+):(\w+)\((.*)\)")


class Kernel(NamedTuple):
    """A kernel as Python calls it: arrays are C-contiguous, `readonly:` if nobody may write to
    them; a named tuple is its class and, in parentheses, its fields."""

    module: str
    function: str
    types: str


_GROUPS = (
    """
    web.tree.build _read readonly:uint8[:] uint64[:] int32[:,:] int32[:,:] int32[:,:] uint8[:] \
        int64[:]
    """,
    """
    web.markdown.flow _flow int32[:,:] uint8[:] uint8[:] int64[:] uint8[:]
    """,
    """
    web.content.scan _scan stages.web.content.page:Arrays\
(readonly:uint8[:];int32[:,:];int32[:,:];uint8[:];int32[:,:];int64[:];uint8[:]) int32[:,:] \
        int32[:,:] int32[:] int32[:] bool
    web.content.forest _score float32[:,:] uint8[:,:] float32[:,:] float32[:,:] float32[:]
    """,
    """
    web.content.describe _describe stages.web.content.page:Arrays\
(readonly:uint8[:];int32[:,:];int32[:,:];uint8[:];int32[:,:];int64[:];uint8[:]) int32[:,:] \
        int32[:,:] int64 float32[:,:] int32[:] int32[:,:] int32[:,:] int32[:,:] int32[:,:] int32[:]
    web.content.context _fill float32[:,:] float32[:] int32[:,:] int32[:] int32[:] int32[:] \
        float64[:,:] float64[:,:]
    web.content.choose _keep int32[:,:] int32[:] int32[:,:] float32[:] uint8[:] uint8[:]
    """,
    """
    web.markdown.mark _mark readonly:uint8[:] int32[:,:] int32[:,:] uint8[:] uint8[:] int32[:] \
        uint64[:,:] int32[:]
    """,
    """
    kernels.languages.lookup slots readonly:uint32[:]
    kernels.languages.lookup sum_weights int64[:] uint8[:] int64 uint8[:] int32[:] int32[:] \
        readonly:uint32[:] int64[:] readonly:uint16[:] readonly:uint8[:] int32[:] uint8[:,:]
    kernels.languages.model _scores int64[:,:] int64[:] float64[:] float64[:] float64[:] \
        float64[:] float64
    kernels.elementary exp_in_place float64[:]
    kernels.languages.model _soften float64[:,:]
    """,
    """
    kernels.bpe.encoder _encode readonly:int64[:] readonly:uint8[:] uint8[:] uint8[:] int32[:] \
        uint64[:] uint64[:,:] int64 uint64[:,:] uint32[:] uint8[:] uint8[:,:] int64[:,:] \
        int32[:,:] uint64[:] uint32[:] int64[:] int64[:] int64[:] uint8[:] int64[:] uint32[:]
    """,
    """
    kernels.counting.visible_text _count_all int64[:] uint8[:] uint64[:,:]
    """,
    """
    kernels.minhash _signatures int64[:] uint8[:] int64[:] int64 uint8[:] uint32[:] uint32[:]
    kernels.minhash band_hashes readonly:uint32[:,:] int64 int64
    kernels.shingles _distinct_shingles int64[:] uint8[:] int64 uint8[:]
    kernels.shingles _distinct_shingles readonly:int64[:] readonly:uint8[:] int64 uint8[:]
    kernels.groups _group uint64[:] int32[:]
    kernels.groups _smallest int32[:] uint64[:,:] int64[:,:]
    """,
    """
    kernels.counting.comments _count_all int64[:] uint8[:] int32[:] int32[:] int32[:,:] int32[:,:] \
        readonly:uint8[:]
    """,
    """
    kernels.counting.text _count_all int64[:] uint8[:] uint8[:]
    redact.candidates _scan int64[:] uint8[:] uint8[:] readonly:uint8[:] int64[:] int64[:] \
        uint16[:] uint8[:] int64 int64 int64[:,:]
    """,
    """
    kernels.identity _hashes uint64[:,:] uint64
    kernels.paths _directories int64[:] uint8[:] int64
    kernels.paths _strings int64[:] uint8[:]
    web.scripts _count readonly:uint32[:] uint8[:] uint32[:,:]
    """,
    """
    dedup.arrange fill_cells int64[:] int64
    dedup.components connected_components int64 int64[:] int64[:]
    dedup.near drop_greedily int64 int64[:] int64[:] readonly:float64[:]
    dedup.verify compare_all int64[:] int64[:] uint64[:] float64 int64
    dedup.prefixes _count uint64[:] uint32[:]
    dedup.prefixes prefixes int64[:] uint64[:] readonly:int64[:] uint32[:] float64
    dedup.prefixes find_nearest stages.dedup.prefixes:SetArrays\
(int64[:];uint64[:];readonly:int64[:];bool[:]) int64[:] uint64[:] stages.dedup.prefixes:SetArrays\
(int64[:];uint64[:];readonly:int64[:];bool[:]) stages.dedup.prefixes:Index\
(int32[:];uint64[:];int32[:];int32[:];int64[:]) float64 float64 bool
    """,
    """
    kernels.elementary _newton_sums float64[:,:] float64[:] float64[:]
    kernels.fasttext.scoring _multiply float32[:,:] float64[:,:]
    kernels.fasttext.ngrams hash_tokens uint32[:]
    kernels.fasttext.ngrams sum_scores int64[:] uint32[:] int32[:] uint8[:] float32[:] uint32[:] \
        float32[:] float32[:] float64 int64
    kernels.fasttext.ngrams sum_scores int64[:] readonly:uint32[:] int32[:] uint8[:] float32[:] \
        uint32[:] float32[:] float32[:] float64 int64
    kernels.fasttext.ngrams sum_scores int64[:] readonly:uint32[:] int32[:] uint8[:] float32[:] \
        readonly:uint32[:] readonly:float32[:] readonly:float32[:] float64 int64
    recall.classifier.linear _rows_of int64[:] int64[:,:] int64 int64
    recall.classifier.linear _descend float32[:] float64 int64[:] int32[:] int64[:] int64[:,:] \
        bool[:] int64 float64 int64 int64
    """,
)


def groups() -> list[list[Kernel]]:
    """What may be compiled in parallel."""
    return [list(_kernels(text)) for text in _GROUPS]


def _kernels(text: str) -> Iterator[Kernel]:
    for line in text.strip().splitlines():
        module, function, types = line.split(maxsplit=2)
        yield Kernel(f"stages.{module}", function, " ".join(types.split()))


def compile_group(number: int) -> int:
    """Compile a group, or load it from the cache; returns how many kernels it has."""
    kernels = groups()[number]
    for kernel in kernels:
        _compile(kernel)
    return len(kernels)


def compile_imported() -> None:
    """The same for the modules that this process has imported, those of the stage it has loaded.
    Called before a stage's calls are timed: no record answers for the compiler."""
    for group in groups():
        for kernel in group:
            if kernel.module in sys.modules:
                _compile(kernel)


@cache
def _compile(kernel: Kernel) -> None:
    dispatcher = getattr(importlib.import_module(kernel.module), kernel.function)
    dispatcher.compile(tuple(map(numba_type, kernel.types.split())))


def numba_type(name: str) -> Any:
    """`uint8`, `int64[:]`, `readonly:uint32[:,:]` → Numba's type."""
    from numba import types  # noqa: PLC0415 - half a second that the driver need not spend

    if record := _RECORD.fullmatch(name):
        module, tuple_class, fields = record.groups()
        of_fields = [numba_type(field) for field in fields.split(";")]
        return types.NamedTuple(of_fields, getattr(importlib.import_module(module), tuple_class))  # type: ignore[no-untyped-call]
    writable = name.removeprefix(READONLY)
    scalar, bracket, axes = writable.partition("[")
    dtype = getattr(types, scalar)
    if not bracket:
        return dtype
    return types.Array(dtype, axes.count(":"), "C", readonly=writable != name)


def spelled(numba_type: Any) -> str:
    """The name `numba_type` understands."""
    from numba import types  # noqa: PLC0415

    plain = types.unliteral(numba_type)  # type: ignore[no-untyped-call]
    if isinstance(plain, types.NamedTuple):
        record = plain.instance_class
        fields = ";".join(map(spelled, plain.types))
        return f"{record.__module__}:{record.__name__}({fields})"
    if not isinstance(plain, types.Array):
        return str(plain)
    access = "" if plain.mutable else READONLY
    return f"{access}{plain.dtype}[{','.join(':' * plain.ndim)}]"
