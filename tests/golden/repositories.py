"""Repositories in which every stage of the github corpus finds something.

Archives are stored, not compressed, so that their bytes depend on no version of zlib.
"""

import gzip
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.golden.words import ADDRESS, EMAIL, KEYS, LENGTH, PROBLEMS, changed, lines, words

MIT = (
    "MIT License\n\nCopyright (c) 2020 A Person\n\n"
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this "
    'software and associated documentation files (the "Software"), to deal in the Software '
    "without restriction, including without limitation the rights to use, copy, modify, merge, "
    "publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons "
    "to whom the Software is furnished to do so, subject to the following conditions:\n\nThe above "
    "copyright notice and this permission notice shall be included in all copies or substantial "
    'portions of the Software.\n\nTHE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND.\n'
)
MAX_FILE_BYTES = 30_000


def write_repositories(folder: Path) -> None:
    """Every repository, and the metadata of two of them."""
    for number, owner in enumerate(("ada", "bob", "cyd", "dan")):
        files = _described_repository(owner, sound=owner != "dan")
        if owner == "ada":
            files |= {"LICENSE": MIT.encode(), "src/original.py": _names("twin")}
        if owner == "bob":
            files["src/near.py"] = _names("twin", altered=(30, 60))
            files["src/far.py"] = _names("twin", altered=(10, 30, 45, 75, 95))
        if owner == "cyd":
            files["src/copy.py"] = _described("ada0")
        write_tar(folder / f"{owner}__reader.tar", "reader-main", files, str(number) * 40)
    write_tar(folder / "eve__mixture.tar", "mixture-1.0", _mixture(), "e" * 40)
    write_zip(folder / "fay__tool.zip", "tool-2.1", _planted())
    whole = tar_bytes("damaged-main", {"a.py": _names("a"), "b.py": _names("b")}, "f" * 40)
    (folder / "gil__damaged.tar.gz").write_bytes(gzip.compress(whole[:3000], 0, mtime=0))
    rows = [
        {"input": "bob__reader.tar", "stars": 12, "license": "Apache-2.0"},
        {"input": "fay__tool.zip", "repo": "fay/renamed", "created_at": "2019-03-04T05:06:07Z"},
    ]
    (folder / "repositories.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_forks(folder: Path) -> None:
    """A repository, a fork of it with a file changed and one added, and one of its own."""
    folder.mkdir(parents=True)
    files = _described_repository("ada", sound=True)
    fork = files | {"src/good_0.py": _described("fork"), "src/added.py": _names("added")}
    other = _described_repository("bob", sound=True)
    for number, (owner, own) in enumerate((("ada", files), ("fay", fork), ("bob", other))):
        write_tar(folder / f"{owner}__reader.tar", "reader-main", own, str(number) * 40)


def tar_bytes(top: str, files: Mapping[str, bytes], commit: str) -> bytes:
    """A tar as a forge gives it, the commit in its header; a path twice if it ends in `*`."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": commit}
    ) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{top}/{name.rstrip('*')}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if "main.c" in files:
            link = tarfile.TarInfo(f"{top}/link.c")
            link.type, link.linkname = tarfile.SYMTYPE, "main.c"
            archive.addfile(link)
            outside = tarfile.TarInfo(f"{top}/../outside.c")
            archive.addfile(outside)
    return buffer.getvalue()


def write_tar(path: Path, top: str, files: Mapping[str, bytes], commit: str) -> None:
    """`tar_bytes` as a file."""
    path.write_bytes(tar_bytes(top, files, commit))


def write_zip(path: Path, top: str, files: Mapping[str, bytes]) -> None:
    """An archive whose revision is the hash of its bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"{top}/{name}", (2020, 1, 1, 0, 0, 0)), content)


def _described_repository(owner: str, *, sound: bool) -> dict[str, bytes]:
    """Files with and without a description; README and tests where it is sound."""
    files = {f"src/good_{n}.py": _described(f"{owner}{n}") for n in range(5)}
    files |= {f"lib/bad_{n}.py": _terse(f"{owner}{n}") for n in range(5)}
    if sound:
        files["README.md"] = f"# {owner}\n\nReads records of {owner}. 读取记录。\n".encode()
        files["tests/test_it.py"] = _terse(f"{owner}_test")
    return files


def _described(name: str) -> bytes:
    """A Python file whose comments say what it does."""
    drawn = random.Random(name)

    def sentence(n: int) -> str:
        return " ".join(words("prose", f"{name} {drawn.random()}", n))

    head = f'"""{sentence(12)}.\n\n{sentence(12)}.\n{sentence(12)}.\n"""\n\n'
    text = head + "\n\n".join(
        f'def read_{name}_{n}(source):\n    """{sentence(11)}.\n\n    {sentence(11)}.\n    """\n'
        f"    # {sentence(9)}\n"
        + "".join(f"    value_{m} = source.take({drawn.randrange(99)})\n" for m in range(5))
        + f"    return value_{n % 4}\n"
        for n in range(4)
    )
    return text.encode()


def _terse(name: str) -> bytes:
    """A Python file without a word about what it does."""
    drawn = random.Random(name)
    names = ["".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(30)]
    drawings = [drawn.sample(names, 3) for _ in range(25)]
    text = "".join(
        f"{first} = {second}({third}, {drawn.randrange(99)})\nif {third}:\n    del {first}\n"
        for first, second, third in drawings
    )
    return text.encode()


def _names(name: str, *more: str, altered: tuple[int, ...] = ()) -> bytes:
    """A Python file of about a hundred distinct names, in short lines."""
    drawn = random.Random(name)
    names = ["".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(LENGTH)]
    rows = lines(changed(names, *altered), 6)
    code = "".join(f'NOTE_{at} = "{row}"\n' for at, row in enumerate(rows))
    return (code + "".join(f"# {row}\n" for row in more)).encode()


def _planted() -> dict[str, bytes]:
    """A benchmark's problem, and what redact hides."""
    secrets = (f"write to {EMAIL}", f"server {ADDRESS}", f"local 127.0.0.1 version {ADDRESS}")
    return {
        "solved.py": _names("solved", PROBLEMS["T/0"][1]),
        "contact.py": _names("contact", *secrets, *(f"key {key}" for key in KEYS)),
        "docs/guide.md": ("# Guide\n\n" + "\n".join(lines(words("prose", "guide")))).encode(),
    }


def _mixture() -> dict[str, bytes]:
    """Many languages and encodings, and for each rule a file that it drops."""
    prose = "\n".join(lines(words("prose", "page", 400)))
    menu = "<div class='menu'></div>\n" * 60
    declared = '<?xml version="1.0" encoding="utf-8"?>\n'
    template = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">\n'
    cell = ["# Reads the table\n", "table = [1, 2, 3]\n", "print(sum(table))\n"]
    listed = "".join(f"  - {word}\n" for word in words("math", "yaml", 9))
    notebook = {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["# A title\n", "Some words."]},
            {"cell_type": "code", "metadata": {}, "source": cell, "outputs": []},
        ],
        "metadata": {"kernelspec": {"language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    texts = {
        "main.c": '#include <stdio.h>\n\nint main(void) {\n    return puts("hello");\n}\n',
        "shape.h": "class Shape {\n  public:\n    virtual double area() const = 0;\n};\n",
        "plot.m": "function y = plot_it(x)\n% plots x\ny = sum(x);\nend\n",
        "rules.pl": "parent(ann, bob).\nchild(X, Y) :- parent(Y, X).\n",
        "script": "#!/usr/bin/env python3\nprint('no extension')\n",
        "Makefile": "all: build\n\nbuild:\n\tcc -o main main.c\n",
        "app.ts": "interface User { name: string }\nconst user: User = { name: 'a' };\n",
        "Main.java": "/** Says hello. */\npublic class Main {\n    int one() { return 1; }\n}\n",
        "lib.rs": "//! Adds.\npub fn add(a: u32, b: u32) -> u32 {\n    a + b\n}\n",
        "query.sql": "-- all names\nselect name from people where age > 30;\n",
        "cjk.py": "# 读取文件并返回结果\ndef 读取(路径):\n    return open(路径).read()\n",
        "notes.ipynb": json.dumps(notebook),
        "page.html": f"<html><body><p>{prose}</p></body></html>",
        "menu.html": f"<html><body>\n{menu}<p>few</p></body></html>",
        "style.xslt": declared + template + "</xsl:stylesheet>\n",
        "data.xml": declared + f"<rows><row>{prose}</row></rows>\n",
        "small.json": '{"a": 1}\n',
        "fair.json": json.dumps({"words": words("prose", "json", 20)}) + "\n",
        "large.json": json.dumps({"words": words("prose", "json", 1200)}, indent=1) + "\n",
        "conf.yaml": f"name: mixture\nwords:\n{listed}",
        "wide.js": "".join(f"var a{n} = '{'b' * 150}';\n" for n in range(9)),
        "long.js": "var a = 1;\n" * 60 + f"var b = '{'c' * 1500}';\n",
        "digits.py": "".join(f"1{n}, 2{n}, 3{n}, 4{n},\n" for n in range(40)),
        "empty.py": "",
        "blank.md": "",
        "words.unheard": prose,
        "CHANGES.rst": f"Changes\n=======\n\n{prose[:500]}\n",
    }
    files = {name: text.encode() for name, text in texts.items()}
    files |= {
        "latin.py": "# naïve café, déjà vu, là-bas, garçon, œuvre façade\nx = 1\n".encode("cp1252"),
        "wide16.txt": "\ufeffWindows wrote this file, line by line.\r\n".encode("utf-16-le"),
        "chinese.txt": ("".join(words("chinese", "gbk", 80)) + "。\n").encode("gbk"),
        "image.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "unknown.py": bytes(range(128, 256)) * 3,
        "huge.py": b"x = 1\n" * (MAX_FILE_BYTES // 6 + 1),
        "main.c*": b"int twice;\n",
    }
    return files
