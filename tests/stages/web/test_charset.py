"""Decoding pages whose charset is declared, missing or wrong."""

import pytest

from stages.web.charset import decode_page

RUSSIAN = "<p>Съешь же ещё этих мягких французских булок, да выпей чаю. Кодировка страницы.</p>" * 5
JAPANESE = "<p>いろはにほへと散りぬるを。日本語の文字コードを正しく判定します。</p>" * 5
CHINESE = "<p>这是一个关于编程语言的网页，我们要检查它的编码是否正确。</p>" * 5
GERMAN = "<p>Falsches Üben von Xylophonmusik quält jeden größeren Zwerg. Ärger über Öl.</p>" * 5
KOREAN = "<p>모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.</p>" * 5

CASES = [
    (RUSSIAN, "windows-1251"),
    (RUSSIAN, "koi8-r"),
    (JAPANESE, "shift_jis"),
    (JAPANESE, "euc-jp"),
    (JAPANESE, "iso2022_jp"),
    (CHINESE, "gb2312"),
    (GERMAN, "iso-8859-1"),
    (RUSSIAN, "utf-8"),
    (GERMAN, "utf-16-le"),
    (GERMAN, "utf-16-be"),
]


@pytest.mark.parametrize("declared", [None, "iso-8859-1", "utf-8", "none"])
@pytest.mark.parametrize(("page", "charset"), CASES)
def test_header_missing_or_wrong(page: str, charset: str, declared: str | None) -> None:
    """A missing or wrong header makes no mojibake."""
    assert decode_page(page.encode(charset), declared) == page


@pytest.mark.parametrize(("page", "charset"), [*CASES[:8], (KOREAN, "euc-kr")])
def test_meta(page: str, charset: str) -> None:
    """A page's own declaration holds against a header that names a default."""
    page = f'<html><head><meta charset="{charset}"></head>{page}</html>'
    assert decode_page(page.encode(charset), "iso-8859-1") == page


def test_byte_order_mark() -> None:
    """A byte-order mark wins and is no part of the text."""
    assert decode_page(b"\xef\xbb\xbf<p>\xc3\xa9", "shift_jis") == "<p>é"
    assert decode_page("\ufeff<p>é".encode("utf-16-le"), "utf-8") == "<p>é"


def test_cut_character() -> None:
    """A page cut inside a UTF-8 character is UTF-8."""
    assert decode_page("<p>Grüße aus Köln ü".encode()[:-1], "windows-1252") == "<p>Grüße aus Köln "


def test_one_bad_byte() -> None:
    """UTF-8 with one wrong byte stays UTF-8."""
    page = RUSSIAN.encode() + b"\xff" + RUSSIAN.encode()
    assert decode_page(page, "utf-8") == f"{RUSSIAN}�{RUSSIAN}"
