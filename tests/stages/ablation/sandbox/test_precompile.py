"""The header that every C++ program includes is compiled once, used, and removed."""

from dataclasses import replace

import pytest

from stages.ablation.sandbox import sandbox
from stages.ablation.sandbox.precompile import with_header
from stages.ablation.sandbox.sandbox import Step
from stages.ablation.sandbox.supervise import Limits
from tests.stages.ablation.toolchains_here import TOOLCHAINS, each

PROGRAM = (
    b"#include <assert.h>\n#include <bits/stdc++.h>\nint main() { std::cout << std::gcd(4, 6); }"
)


@pytest.mark.parametrize("key", each(["cpp"], quick=()))
def test_a_compiled_header_is_taken(key):
    """GCC marks with `!` the compiled header that it reads instead of the text."""
    with with_header(TOOLCHAINS[key], 100) as toolchain:
        *_, (here, _) = toolchain.mounts
        compiling = [*toolchain.compile, "-H"]
        script = '"$@" 2>said || exit 1; grep ^! said; ./program'
        outcome = sandbox.run(
            [Step(["/bin/sh", "-c", script, "sh", *compiling], Limits(memory_bytes=2 << 30))],
            {"program.cpp": PROGRAM},
            mounts=toolchain.mounts,
            environment=toolchain.environment,
        )
    assert outcome.stdout == b"! /toolchain/headers/first.h.gch\n2"
    assert not here.exists()


@pytest.mark.parametrize("key", each(["cpp", "python"], quick=("cpp", "python")))
def test_a_few_programs_do_not_pay_for_it(key):
    """Nor do languages without such a header."""
    with with_header(TOOLCHAINS[key], 3 if key == "cpp" else 100) as toolchain:
        assert toolchain is TOOLCHAINS[key]


@pytest.mark.parametrize("key", each(["cpp"], quick=("cpp",)))
def test_a_compiler_that_cannot_is_used_as_it_is(key):
    """A header that does not compile costs nothing but the attempt."""
    language = replace(TOOLCHAINS[key].language, header="no/such/header")
    broken = replace(TOOLCHAINS[key], language=language)
    with with_header(broken, 100) as toolchain:
        assert toolchain is broken
