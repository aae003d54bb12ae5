"""Kernels of many functions, compiled quickly: one entry that Python calls, kernels inside of it.

An array is seven arguments to every call that it is passed to, a pointer is one. So the entry takes
arrays, makes pointers of them (`pointer`) and hands those to its kernels as a named tuple; kernels
have no wrappers for Python and count no references. That takes a third of the CPU to compile, and
less at run time: no index is wrapped around, so none may be negative.

What else costs, for whoever writes a kernel here: membership in a tuple (up to a second, where
comparisons in a row take nothing), literal arguments (a kernel is compiled once for each literal),
an argument that is now one and now another type of integer, local arrays.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast
from zlib import crc32

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

T = TypeVar("T")


class Ints(Protocol):
    """A pointer to integers of any width."""

    def __getitem__(self, place: int, /) -> int: ...
    def __setitem__(self, place: int, number: int, /) -> None: ...


class Floats(Protocol):
    """A pointer to floating-point numbers."""

    def __getitem__(self, place: int, /) -> float: ...
    def __setitem__(self, place: int, number: float, /) -> None: ...


int64: Callable[[int], int] = cast(Any, np.int64)
"""In a kernel: a number of 64 bits, which is no literal."""
uint64: Callable[[int], int] = cast(Any, np.uint64)


def kernel(function: Callable[..., T]) -> Callable[..., T]:
    """Compile what kernels alone call. It owns nothing: no array is made in it."""
    wrap = cast(Any, njit)(nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return cast(Callable[..., T], wrap(function))


def inlined(function: Callable[..., T]) -> Callable[..., T]:
    """The same, made part of whatever calls it: for what is called once a word or byte."""
    wrap = cast(Any, njit)(
        nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True
    )
    return cast(Callable[..., T], wrap(function))


def entry(function: Callable[..., T]) -> Callable[..., T]:
    """Compile what Python calls, and keep it in Numba's cache. Numba looks for changes in the file
    of the function alone, and for changes of what the function encloses: so it is made in another
    function, which hands it the `stamp` of all sources, and it does something with that."""
    return cast(Callable[..., T], cast(Any, njit)(cache=True, nogil=True, _nrt=False)(function))


def stamp(*names: str) -> int:
    """A number for the sources of packages and modules: another one when one of them changes."""
    digest = 0
    for name in names:
        for path in _sources(name):
            digest = crc32(path.read_bytes(), digest)
    return digest


def _sources(name: str) -> list[Path]:
    spec = find_spec(name)
    assert spec is not None, name
    origin = Path(str(spec.origin))
    return sorted(origin.parent.glob("*.py")) if spec.submodule_search_locations else [origin]


def _place(context: Any, array: Any, start: Any) -> Any:
    del context

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = target.make_array(signature.args[0])(target, builder, arguments[0])
        return builder.gep(made.data, [arguments[1]])

    made = types.CPointer(array.dtype)  # type: ignore[no-untyped-call]
    return made(array, types.intp), generate


pointer: Callable[[npt.NDArray[Any], int], Any] = cast(Any, intrinsic)(_place)
"""In an entry: a place in a contiguous array. `pointer(a, k)[i]` is `a.ravel()[k + i]`; it holds
nothing alive and knows no length."""


def _unaligned(context: Any, start: Any, place: Any) -> Any:
    del context

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del target, signature
        place = builder.gep(arguments[0], [arguments[1]])
        wide = ir.IntType(64)
        return builder.load(builder.bitcast(place, wide.as_pointer()), align=1)

    return types.uint64(start, types.intp), generate


unaligned: Callable[[Ints, int], int] = cast(Any, intrinsic)(_unaligned)
"""In a kernel: the eight bytes from a place on of a pointer to bytes, as uint64, little-endian on
the machines that Sluice runs on."""
