"""The header that every C++ program of the set includes, compiled once for all of them.

`bits/stdc++.h` is most of the work: 0.9 s of a processor for a program instead of 3.5 s, after
7.5 s for the header (100 MB). GCC takes a compiled header only before anything else, hence
`-include`; the programs' own `#include` of it then adds nothing.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from stages.ablation.sandbox.toolchains import Toolchain

SEEN = Path("/toolchain/headers")
# Fewer programs do not pay for the header.
MIN_PROGRAMS = 4


@contextmanager
def with_header(toolchain: Toolchain, n_programs: int) -> Iterator[Toolchain]:
    """The toolchain with its language's header compiled; unchanged where that does not pay, or
    where the compiler cannot do it."""
    header = toolchain.language.header
    if header is None or n_programs < MIN_PROGRAMS:
        yield toolchain
        return
    with tempfile.TemporaryDirectory(prefix="sluice-header-") as folder:
        Path(folder).chmod(0o755)
        source = Path(folder, "first.h")
        source.write_text(f"#include <{header}>\n")
        compiler, standard, *_ = toolchain.compile
        command = [compiler, standard, "-x", "c++-header", str(source), "-o", f"{source}.gch"]
        if subprocess.run(command, capture_output=True).returncode:
            yield toolchain
            return
        yield replace(
            toolchain,
            compile=(*toolchain.compile, "-include", str(SEEN / source.name)),
            mounts=(*toolchain.mounts, (Path(folder), SEEN)),
        )
