"""Modelines and content rules."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.language.content import content_rules, modeline, resolve


@pytest.mark.parametrize(
    ("head", "language"),
    [
        (b"# -*- mode: ruby; coding: utf-8 -*-\n", "Ruby"),
        (b"// -*- tab-width: 4; Mode: C++ -*-\n", "C++"),
        (b"/* -*- C++ -*- */", "C++"),
        (b"# vim: set ts=4 ft=perl:\n", "Perl"),
        (b"# vim600: syn=ruby\n", "Ruby"),
        (b"# vi: syntax=nginx\n", "Nginx Configuration File"),
        (b"x\n" * 2000 + b"# vim: ft=ruby\n", "Ruby"),
        (
            b"x\n" * 2000 + b"// Local Variables:\n// c-basic-offset: 4\n// mode: c++\n// End:\n",
            "C++",
        ),
        (b"# -*- coding: utf-8 -*-\nx\n# vim: ft=ruby\n", "Ruby"),
        (b"# -*- coding: utf-8 -*-\n", None),
        (b"plain text", None),
    ],
)
def test_modeline(head: bytes, language: str | None) -> None:
    """Emacs and Vim modelines name a language; other file variables do not."""
    assert next(iter(modeline(head)), None) == language


@pytest.mark.parametrize(
    ("extension", "head", "language"),
    [
        (".h", b"#include <stdio.h>\nint f(void);\n", "C"),
        (".h", b"#pragma once\nnamespace a {\nclass B;\n}\n", "C++"),
        (".h", b"#import <UIKit/UIKit.h>\n", "Objective-C"),
        (".h", b'#ifdef __cplusplus\nextern "C" {\n#endif\n', "C"),
        (".m", b"@implementation A\n@end\n", "Objective-C"),
        (".m", b"function y = f(x)\n% doc\ny = x;\nend\n", "MATLAB"),
        (".m", b"function y = f(x)\n  ## doc\n  y = x;\nendfunction\n", "Octave"),
        (".m", b":- module hello.\n:- interface.\n", "Mercury"),
        (".pl", b"use strict;\nmy $x = 1;\n", "Perl"),
        (".pl", b":- module(a, [b/1]).\nb(X) :- c(X).\n", "Prolog"),
        (".pl", b"use v6;\nsay 1;\n", "Perl 6"),
        (".v", b"module a(input b);\nendmodule\n", "Verilog"),
        (".v", b"Require Import List.\nLemma a : True.\nProof. auto. Qed.\n", "Coq"),
        (".v", b"fn main() {\n\tprintln('a')\n}\n", "V"),
        (".ts", b'<?xml version="1.0"?>\n<!DOCTYPE TS>\n<TS>\n', "XML"),
        (".ts", b"export const a: number = 1;\n", None),
        (".d", b"a.o: a.c \\\n  a.h\n", "Makefile"),
        (".sql", b"DECLARE @a INT;\nGO\n", "Transact-SQL"),
        (".sql", b"select a from b;\n", "SQL"),
        (".1", b".TH LS 1\n.SH NAME\n", "Groff"),
        (".1", b"log line\n", "-"),
        (".html", b"{% extends 'base.html' %}\n", "HTML Django"),
        (".cls", b"\\NeedsTeXFormat{LaTeX2e}\n", "TeX"),
        (".cls", b"VERSION 1.0 CLASS\r\nBEGIN\r\n", "Visual Basic"),
        ("", b"<?xml version='1.0'?>\n<a/>\n", "XML"),
        (".mo", b'import { a; b } "x";\nimport Array "mo:base/Array";\n', "Motoko"),
        (".mo", b'import\t{ a } = \t"x";\n', "Motoko"),
        (".conf", b"map $uri $new  {\n}\n", "Nginx Configuration File"),
        (".conf", b"location / {\n}\n", "Nginx Configuration File"),
        (".bb", b"do_compile_append () {\n}\n", "BitBake"),
        (".bb", b"do_install:append() {\n}\n", "BitBake"),
        (".bb", b"RDEPENDS_${PN}-dev += 'x'\n", "BitBake"),
        (".plist", b"// a list\n\n{ a = b; }\n", "OpenStep Property List"),
        (".py", b"import os\n", None),
    ],
)
def test_rules(extension: str, head: bytes, language: str | None) -> None:
    """Shared extensions are settled by what is typical of each language."""
    assert resolve(extension, head) == language
    assert resolve(extension, head.replace(b"\r\n", b"\n").replace(b"\n", b"\r")) == language


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(content_rules())), st.binary(max_size=300))
def test_any_bytes_are_looked_at(extension: str, head: bytes) -> None:
    """Bytes that are no text raise nothing."""
    resolve(extension, head)
    modeline(head)


HOSTILE = [b" ", b"\t \n", b"a", b"a ", b"${", b"(", b"A:", b"\r"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_content_comes_to_an_end(piece: bytes) -> None:
    """Every rule looks at 50 kB of a repeated piece, which backtracking would never finish."""
    head = piece * (51_200 // len(piece))
    for extension in content_rules():
        resolve(extension, head)
    assert modeline(head) == ()


@pytest.mark.parametrize(
    ("extension", "start", "piece"),
    [
        (".mo", b"import ", b" "),
        (".conf", b"map ", b"\t"),
        (".conf", b"location ", b" "),
        (".bb", b"do_", b"_"),
        (".bb", b"RDEPENDS", b"_"),
        (".inc", b"MACHINE", b"_"),
        (".prg", b"method ", b"_"),
        (".rpy", b"import ", b"a"),
        (".pro", b"", b"a"),
    ],
)
def test_long_lines_that_almost_match_take_time_in_proportion(
    extension: str, start: bytes, piece: bytes
) -> None:
    """A rule with two repetitions of one byte side by side took half a minute for these 50 kB."""
    line = (start + piece * 500)[:499] + b"\n"
    begun = time.process_time()
    resolve(extension, line * 103)
    assert time.process_time() - begun < 5
