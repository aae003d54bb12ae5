"""Text or not, and in which encoding."""

import codecs
import csv
import encodings
import random
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.github.files import encodings as module


def decode_file(path, payload):
    text, reason, encoding = module.decode_file(path, payload)
    assert (encoding is None) == (text is None)
    return text, reason


SOURCE = '#include <stdio.h>\n/* {} */\nint main(void) {{ return puts("x"); }}\n'


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_utf_8_is_itself(text):
    """Any UTF-8 without control characters decodes to itself."""
    assert decode_file("a.c", ("x" + text).encode()) == ("x" + text, None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_byte_order_marks_are_obeyed_and_removed(encoding):
    """Every Unicode form with a mark; the mark is no part of the text."""
    text = SOURCE.format("Größe 初始化 🎉")
    assert decode_file("a.c", ("\ufeff" + text).encode(encoding)) == (text, None)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_without_a_mark_is_recognised(encoding):
    """The NULs of UTF-16 and UTF-32 tell it."""
    text = SOURCE.format("Größe")
    assert decode_file("a.c", text.encode(encoding)) == (text, None)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\0" * 5000, b"int a;\n" + b"\0" * 5000, b"a\0b\0\0c", b"x" * 3_000_000, b"[" * 100_000],
)
def test_odd_files_are_ordinary_data(payload):
    """Empty, NUL-filled, one giant line, deep nesting: all text."""
    text, reason = decode_file("a.txt", payload)
    assert reason is None
    assert text is not None
    assert text.encode() == payload


@pytest.mark.parametrize(
    ("encoding", "comment"),
    [
        ("latin-1", "Größe in Bytes, überprüft für alle Fälle"),
        ("cp1252", "the user’s “choice” – naïve"),
        ("cp1250", "Příliš žluťoučký kůň"),
        ("cp1251", "Функция возвращает сумму двух чисел"),
        ("koi8-r", "Функция возвращает сумму двух чисел"),
        ("cp1253", "Επιστρέφει την τιμή"),
        ("gb18030", "初始化数据结构并返回指针"),
        ("big5", "初始化資料結構並傳回指標"),
        ("shift_jis", "関数の戻り値を返す。エラー処理"),
        ("euc-jp", "関数の戻り値を返す。エラー処理"),
        ("iso2022_jp", "関数の戻り値を返す。エラー処理"),
        ("euc-kr", "함수는 두 수의 합을 반환합니다"),
    ],
)
def test_a_comment_in_a_legacy_encoding_is_read(encoding, comment):
    """One comment among ASCII code is enough."""
    text = SOURCE.format(comment)
    assert decode_file("a.c", text.encode(encoding)) == (text, None)


@pytest.mark.parametrize(
    "line",
    [
        '<?xml version="1.0" encoding="{}"?>',
        "<meta charset={}>",
        "# -*- coding: {} -*-",
        "# vim: set fileencoding={} :",
        '@charset "{}";',
    ],
)
def test_a_declared_encoding_is_believed(line):
    """Three bytes are too few to guess from; the declaration settles it."""
    text = line.format("koi8-r") + "\n'да'\n"
    assert decode_file("a", text.encode("koi8-r")) == (text, None)


@pytest.mark.parametrize("name", ["rot13", "unicode_escape", "no-such", "utf-7", "idna", "hex"])
def test_a_strange_declaration_is_ignored(name):
    """Codecs that are no encodings of text never run."""
    text = f"# coding: {name}\n# Größe überprüft für alle Fälle\n"
    assert decode_file("a.py", text.encode("latin-1")) == (text, None)


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("logo.png", b"version https://git-lfs.github.com/spec/v1\n"),
        ("picture", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("paper", b"%PDF-1.4\n%plain\n"),
        ("table.txt", b"\x01\0\0\0\x02\0\0\0\x03\0\0\0" * 50),
        ("noise.c", random.Random(1).randbytes(5000)),
        ("more.c", random.Random(2).randbytes(500)),
        ("A.CLASS", b"x"),
    ],
)
def test_binary_is_told_by_name_magic_or_controls(path, payload):
    """Each of the three signs suffices."""
    assert decode_file(path, payload) == (None, "binary")


@given(st.binary(max_size=300), st.sampled_from(["a.c", "b.txt", "c"]))
def test_any_bytes_are_settled(payload, path):
    """Every file is either text or has a reason, and its text can be written as UTF-8."""
    text, reason = decode_file(path, payload)
    assert (text is None) == (reason in {"binary", "undecodable"})
    if text is not None:
        text.encode()


def test_a_long_line_with_few_foreign_bytes_is_read():
    """A megabyte of one line with bytes above 127 here and there is text."""
    text, reason = decode_file("a.c", (b"x" * 5000 + b"\xe9") * 200)
    assert reason is None
    assert len(text) == 5001 * 200


def test_no_supported_language_has_a_binary_extension(real_archives):
    """The table of binary extensions takes no file from a language."""
    table = real_archives[0].parents[1] / "languages" / "languages.tsv"
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    extensions = {item for row in rows for item in (row["extensions"] or "").split()}
    taken = {item for item in extensions if decode_file(f"a{item}", b"x\n")[1] is not None}
    assert not taken


def test_real_legacy_files_are_read(real_archives):
    """Of chardet's own test files in legacy encodings, 98 % decode as their folder says."""
    path = next(path for path in real_archives if path.name.startswith("chardet"))
    n_files = n_right = 0
    with tarfile.open(path) as archive:
        for member in archive:
            folder = member.name.split("/")[-2] if "/tests/" in member.name else ""
            if not member.isfile() or not folder:
                continue
            payload = archive.extractfile(member).read()
            expected = decode_as_folder(payload, folder)
            if expected is None or is_utf_8(payload):
                continue
            n_files += 1
            got = decode_file("x", payload)[0] or ""
            wrong = sum(a != b for a, b in zip(got, expected, strict=False))
            n_right += len(got) == len(expected) and wrong <= 0.01 * len(expected)
    assert n_files > 380
    assert n_right / n_files >= 0.98


def is_utf_8(payload):
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def decode_as_folder(payload, folder):
    for name in (folder, folder.rpartition("-")[0]):
        try:
            return payload.decode(codecs.lookup(name).name)
        except (LookupError, UnicodeDecodeError):
            continue
    return None


def test_names_of_encodings_that_files_make_up_are_not_kept():
    """`codecs` remembers whatever it is asked; no file decides what that is."""
    before = dict(encodings._cache)
    for index in range(50):
        text, _ = decode_file("a.py", f"# coding: made-up-{index}\n".encode() + b"x = '\xe9'\n" * 9)
        assert text is not None
    made_up = [name for name in encodings._cache if "made" in name]
    assert made_up == []
    assert len(encodings._cache) <= len(before) + 20


@pytest.mark.parametrize(
    "name", ["ISO-8859-5", "iso_8859-5", "CYRILLIC", "Windows-1251", "koi8_r", "KOI8-R"]
)
def test_an_encoding_is_known_by_all_its_names(name):
    """Aliases, hyphens and capitals are those of `codecs`."""
    word = "\u043f\u0440\u0438\u0432\u0435\u0442"
    data = f"# coding: {name}\nx = '{word}'\n".encode(codecs.lookup(name).name)
    text, _ = decode_file("a.py", data)
    assert text is not None
    assert word in text
